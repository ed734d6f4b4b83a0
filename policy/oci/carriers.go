package oci

import (
	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// isCarrier says whether a call carries others. libseccomp writes rules for a carrier of its own accord wherever there is a rule
// for a carried call, and compares there the carrier's arguments instead of the call's.
func isCarrier(id arch.ID) bool { return filter.CarriedIn(id) != (arch.Selection{}) }

// carriers gives each carrier one action, which outweighs libseccomp's own rules: what the lists say of it or of all that it
// carries, or else the supervisor.
func (e *exporter) carriers() {
	for _, name := range [...]string{"socketcall", "ipc"} {
		id, _ := arch.LookupID(name)
		for i := range e.lists.ABIs {
			if _, ok := e.lists.ABIs[i].ABI.NumberOf(id); ok {
				e.carrier(id, filter.CarriedIn(id))
				break
			}
		}
	}
}

func (e *exporter) carrier(id arch.ID, carried arch.Selection) {
	then, same := e.carrierAction(id, carried)
	switch {
	case !same:
		e.notify(id, "what it carries is not decided alike, and is not to be seen in its registers")
	case then == e.fallback && e.anyRule(carried):
		e.notify(id, "libseccomp would derive rules for it from those of the calls that it carries")
	default:
		e.add(id, then, nil)
	}
}

func (e *exporter) anyRule(carried arch.Selection) bool {
	for _, r := range e.rules {
		if r.calls.Minus(carried) != r.calls {
			return true
		}
	}
	return false
}

// carrierAction is the one action that all ABIs with the carrier give it, by name or through all that it carries.
func (e *exporter) carrierAction(id arch.ID, carried arch.Selection) (then filter.Action, same bool) {
	found := false
	for i := range e.lists.ABIs {
		d := &e.lists.ABIs[i]
		if _, ok := d.ABI.NumberOf(id); !ok {
			continue
		}
		a, ok := carrierOn(d, id, carried)
		if !ok || found && a != then {
			return 0, false
		}
		then, found = a, true
	}
	return then, found
}

func carrierOn(d *filter.Decisions, id arch.ID, carried arch.Selection) (filter.Action, bool) {
	if _, ok := d.Calls[id]; ok {
		return always(d, id)
	}
	var then filter.Action
	for i, call := range carried.IDs() {
		a, ok := always(d, call)
		if !ok || i > 0 && a != then {
			return 0, false
		}
		then = a
	}
	return then, true
}

// always is the action of a call whatever its registers are.
func always(d *filter.Decisions, id arch.ID) (filter.Action, bool) {
	first := effective(d, id)[0]
	return first.Then, len(first.When) == 0
}
