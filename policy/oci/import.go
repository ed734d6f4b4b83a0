// Package oci reads and writes the seccomp profiles of container engines: the linux.seccomp object of the OCI runtime specification
// (config-linux.md), by itself or inside a config.json, and the engines' own form of it, with archMap, includes and excludes.
//
// [Import] makes a policy that decides calls as libseccomp, and so runc and crun, would. [Export] writes what a policy decides on
// registers alone, and hands the rest to a listener. Neither is ever more permissive than what it was made from.
package oci

import (
	"io"
	"slices"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
	"github.com/stead-project/stead/policy/foreign"
)

// Options say for whom a profile is imported. The zero value is this machine, a kernel newer than any that the profile asks for,
// and a container without capabilities.
type Options struct {
	Name   string         // the file's name, for messages; "" is "profile"
	Arch   arch.ABI       // of the machine
	Caps   []string       // the container's bounding set, "CAP_SYS_ADMIN"; nil: what a config.json says, else none
	Kernel string         // "6.1" or as uname -r prints it
	Notify policy.Verdict // what SCMP_ACT_NOTIFY becomes: Perform, or else Ask
	// ENOSYS answers calls that are newer than all that the profile names as runc does, instead of with the default: programs
	// take ENOSYS for an old kernel and do without.
	ENOSYS bool
}

// A Warning is something that the policy cannot keep, or that the profile does not mean as it looks.
type Warning = foreign.Warning

// A Profile is an imported profile with what a policy has no place for.
type Profile struct {
	Document         *policy.Document
	ABIs             []arch.ABI // that it lets in
	ListenerPath     string
	ListenerMetadata string
	Flags            []string // SECCOMP_FILTER_FLAG_*
	Unknown          []string // calls that no ABI of the tables has; the first 500
	Warnings         []Warning
}

// Import reads a profile as a policy. Its errors name file, line and column.
func Import(r io.Reader, o Options) (*policy.Document, []Warning, error) {
	p, err := ImportProfile(r, o)
	if err != nil {
		return nil, nil, err
	}
	return p.Document, p.Warnings, nil
}

// ImportProfile is Import with everything that the profile says.
func ImportProfile(r io.Reader, o Options) (*Profile, error) {
	if o.Name == "" {
		o.Name = "profile"
	}
	m, err := o.machine()
	if err != nil {
		return nil, err
	}
	in, root, err := readJSON(o.Name, r)
	if err != nil {
		return nil, err
	}
	p := &parser{reader: in, abi: m.abi}
	seccomp := p.seccomp(root, &m)
	if p.err != nil {
		return nil, p.err
	}
	prof := p.profile(seccomp)
	if p.err != nil {
		return nil, p.err
	}
	return p.translate(&prof, m, o)
}

// seccomp finds the profile, and in a config.json the container's capabilities.
func (p *parser) seccomp(root *node, m *machine) *node {
	if root.kind != kindObject {
		p.fail(root, "the profile is %s, it must be an object", root.kind)
		return root
	}
	linux := p.want(root, "linux", kindObject)
	if linux == nil {
		return root
	}
	if process := p.want(root, "process", kindObject); process != nil && m.caps == nil {
		if caps := p.want(process, "capabilities", kindObject); caps != nil {
			m.caps = p.strings(caps, "bounding")
		}
	}
	seccomp := p.want(linux, "seccomp", kindObject)
	if seccomp == nil {
		p.fail(linux, "no linux.seccomp: the container runs without a filter, and there is nothing to import")
		return root
	}
	return seccomp
}

// translate makes the policy.
func (p *parser) translate(prof *profile, m machine, o Options) (*Profile, error) {
	t := &translator{parser: p, o: o, m: m, abis: p.abis(prof, m)}
	doc := &policy.Document{Pos: p.pos(0), Name: o.Name, Default: t.action(prof.defaultAction)}
	t.fallback = doc.Default
	doc.Rules = append(t.otherABIs(), t.rules(prof)...)
	if o.ENOSYS {
		doc.Rules = append(doc.Rules, t.newerCalls(prof)...)
	}
	if t.err != nil {
		return nil, t.err
	}
	t.listener(prof)
	out := &Profile{Document: doc, ABIs: t.abis, ListenerPath: prof.listenerPath, ListenerMetadata: prof.metadata,
		Flags: prof.flags, Unknown: t.unknown}
	out.Warnings = bounded(p.warnings)
	return out, nil
}

// maxWarnings are as many as anybody reads.
const maxWarnings = 500

func bounded(list []Warning) []Warning {
	if len(list) <= maxWarnings {
		return list
	}
	more := Warning{Pos: list[maxWarnings].Pos, Text: "and more warnings"}
	return append(slices.Clip(list[:maxWarnings]), more)
}

// listener warns of what is said to the kernel or the runtime rather than about calls.
func (t *translator) listener(prof *profile) {
	if prof.listenerPath != "" {
		t.warn(t.pos(0), "listenerPath %q is not part of a policy: Stead is the listener", prof.listenerPath)
	}
	if prof.metadata != "" {
		t.warn(t.pos(0), "listenerMetadata is not part of a policy")
	}
	for _, f := range prof.flags {
		if text, ok := flagText(f); ok && text != "" {
			t.warn(t.pos(0), "%s is not part of a policy: %s", f, text)
		} else if !ok {
			t.warn(t.pos(0), "unknown flag %q", f)
		}
	}
}

// flagText says what becomes of a flag of seccomp(2); "" where Stead does the same unasked.
func flagText(flag string) (text string, ok bool) {
	for _, f := range [...][2]string{
		{"SECCOMP_FILTER_FLAG_TSYNC", ""},
		{"SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV", ""},
		{"SECCOMP_FILTER_FLAG_LOG", "record with the verb log"},
		{"SECCOMP_FILTER_FLAG_SPEC_ALLOW", "mitigations against speculation stay as the kernel has them"},
	} {
		if f[0] == flag {
			return f[1], true
		}
	}
	return "", false
}
