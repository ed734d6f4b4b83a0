package oci

import (
	"sync/atomic"

	"github.com/stead-project/stead/internal/session"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/cond"
	"github.com/stead-project/stead/unotify"
)

// A decider decides one listener's calls by the policy's present version. A call is decided wholly under the version that it met.
type decider struct {
	policy *entry
	caller func(policy.Caller) cond.CallerInfo
	last   atomic.Pointer[bound]
}

// A bound is a version with a decider that knows the listener's callers.
type bound struct {
	v *revision
	d policy.Decider
}

func newDecider(e *entry, t *unotify.Targets, v unotify.Validator) *decider {
	asker := session.NewAsker(t, v)
	return &decider{policy: e, caller: func(who policy.Caller) cond.CallerInfo { return asker.Caller(who) }}
}

// Decide implements policy.Decider.
func (d *decider) Decide(r *policy.Request) policy.Decision {
	return d.bound().Decide(r)
}

func (d *decider) bound() policy.Decider {
	v := d.policy.present.Load()
	if b := d.last.Load(); b != nil && b.v == v {
		return b.d
	}
	b := &bound{v: v}
	if v.err != nil {
		b.d = policy.Always(policy.Denial(0, v.err.Error()))
	} else {
		b.d = v.prog.Decider(d.caller)
	}
	d.last.Store(b)
	return b.d
}
