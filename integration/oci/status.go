package oci

import (
	"fmt"
	"strings"
	"time"
)

// A Status is what `stead agent ps` says of a container.
type Status struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"` // NAMESPACE/POD/CONTAINER in Kubernetes, else the id
	PID       int       `json:"pid"`  // its first process, as the runtime says it; 0: it does not
	Policy    string    `json:"policy"`
	Version   uint64    `json:"version"` // of the policy; 0: every call is denied
	Filter    string    `json:"filter"`  // see Filter
	Since     time.Time `json:"since"`
	Listeners int       `json:"listeners"`
	Calls     uint64    `json:"calls"`
	Denied    uint64    `json:"denied"`
	Errors    uint64    `json:"errors"` // not answered, panics, deadlines
	Pending   int       `json:"pending"`
	Error     string    `json:"error,omitempty"`
}

// What is known of a container's kernel filter, beside the policy's present version.
const (
	FilterCurrent = "current" // its fingerprint came with the listener, and is the policy's
	FilterAssumed = "assumed" // no fingerprint came; the policy's lists are what they were when the container began
	FilterOlder   = "older"   // it is another: start the container again, with the policy exported again
)

// Containers lists what is supervised, the oldest first.
func (a *Agent) Containers() []Status {
	list := []Status{}
	for _, c := range a.snapshot() {
		list = append(list, c.status())
	}
	return list
}

func (c *supervision) status() Status {
	st, listeners, pending := c.statistics()
	s := Status{ID: c.state.ID, Name: c.name(), PID: c.state.PID, Since: c.since, Listeners: listeners,
		Calls: st.Received, Denied: st.Denied, Errors: st.Failed + st.Panics + st.Timeouts, Pending: pending}
	if !c.known() {
		return s
	}
	s.Policy, s.Error = c.choice.policy, c.fault
	if c.policy == nil || c.fault != "" {
		return s
	}
	v := c.policy.present.Load()
	s.Version, s.Filter = v.number(), c.filter(v)
	if v.err != nil {
		s.Error = v.err.Error()
	} else if text := c.policy.failure.Load(); text != nil {
		s.Error = "reload failed: " + *text
	}
	return s
}

// filter compares the kernel filter with a version of the policy.
func (c *supervision) filter(v *revision) string {
	switch {
	case v.err != nil:
		return ""
	case c.choice.print == v.print:
		return FilterCurrent
	case c.choice.print == "" && (c.began == "" || c.began == v.print):
		return FilterAssumed
	}
	return FilterOlder
}

// explain says what of a new version does not take effect in a container that runs.
func (c *supervision) explain(r reloaded) {
	if !c.known() || c.policy != r.entry || c.fault != "" || c.filter(r.new) != FilterOlder {
		return
	}
	c.log.Warn("the new version of the policy takes effect but for what the container's kernel filter decides, which stays as it is until the container is started again",
		"policy", r.entry.name, "calls", c.stale(r.new))
}

// stale names calls that the kernel filter decides otherwise than the new version would.
func (c *supervision) stale(v *revision) string {
	if c.start.err != nil || c.began != c.start.print || c.choice.print != "" && c.choice.print != c.start.print {
		return "unknown: the filter was made from a version that this agent has not seen"
	}
	ids := changes(c.start.prog.Lists, v.prog.Lists).IDs()
	names := []string{}
	const most = 12
	for _, id := range ids[:min(len(ids), most)] {
		names = append(names, id.Name())
	}
	if len(ids) > most {
		names = append(names, fmt.Sprintf("and %d more", len(ids)-most))
	}
	return strings.Join(names, ", ")
}
