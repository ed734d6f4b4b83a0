package lang

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy"
)

// A grantKey is a key of rules that perform.
type grantKey struct {
	name  string
	calls string // that it is about; "": any
	read  func(p *parser, n *yaml.Node, r *policy.Rule)
}

const mountCalls = "mount,fsmount,mount_setattr,move_mount,open_tree,open_tree_attr,fsopen,fsconfig,fspick"

func grantKeys() []grantKey {
	return []grantKey{
		{"as", "", (*parser).as},
		{"force", mountCalls, (*parser).force},
		{"refuse", "mount,fsopen,fsconfig,fspick", (*parser).refused},
		{"sources", "mount,fsopen", func(p *parser, n *yaml.Node, r *policy.Rule) { p.patterns(&r.From, "sources")(n) }},
		{"fuse", "mount,fsopen", (*parser).fuse},
		{"idmap", "mount,fsopen,fsmount", (*parser).idmap},
		{"devices", "mknod,mknodat", (*parser).devices},
		{"modules", "init_module,finit_module", (*parser).modules},
	}
}

// grantFields read the keys of a mapping, and remember where they stood.
func (p *parser) grantFields(r *policy.Rule, at map[string]*yaml.Node) (list []field) {
	for _, k := range grantKeys() {
		list = append(list, field{k.name, func(n *yaml.Node) {
			at[k.name] = n
			k.read(p, n, r)
		}})
	}
	return list
}

// grantable refuses a key where nothing would be performed with it.
func (p *parser) grantable(at map[string]*yaml.Node, r *policy.Rule) {
	for _, k := range grantKeys() {
		n := at[k.name]
		if n == nil {
			continue
		}
		if r.Then.Verdict != policy.Perform {
			p.fault(n, "%s needs `then: perform`: the kernel makes the call as it is when the rule says %s", k.name, r.Then.Verdict)
			return
		}
		if k.calls == "" {
			continue
		}
		about, err := arch.ParseSelection(k.calls, arch.Selection{})
		if err != nil {
			p.fault(n, "%s: %w", k.name, err)
			return
		}
		if rest := r.Calls.Minus(about); rest.Len() > 0 {
			p.fault(n, "%s means nothing to %s: give it a rule of its own", k.name, rest.IDs()[0].Name())
			return
		}
	}
}

// as says whose rights a call is performed with.
func (p *parser) as(n *yaml.Node, r *policy.Rule) {
	word, ok := p.text(n, "as")
	if !ok {
		return
	}
	names := policy.AsNames()
	i := slices.Index(names, word)
	if i < 0 {
		p.fault(n, "unknown word %s in as%s", clip(word), didYouMean(word, names))
		return
	}
	r.Grant.As = policy.As(i)
}

// A mountFlag is mount(8)'s name of a flag that only takes rights away (include/uapi/linux/mount.h).
type mountFlag struct {
	name string
	flag uint64
}

func mountFlags() []mountFlag {
	return []mountFlag{{"ro", 1}, {"nosuid", 2}, {"nodev", 4}, {"noexec", 8}, {"nosymfollow", 256}, {"noatime", 1024}, {"nodiratime", 2048},
		{"relatime", 1 << 21}}
}

func (p *parser) force(n *yaml.Node, r *policy.Rule) {
	flags := mountFlags()
	p.words(n, "force", "a flag", func(item *yaml.Node, word string) {
		i := slices.IndexFunc(flags, func(f mountFlag) bool { return f.name == word })
		if i >= 0 {
			r.Grant.Force |= flags[i].flag
			return
		}
		var known []string
		for _, f := range flags {
			known = append(known, f.name)
		}
		p.fault(item, "unknown mount flag %s in force%s", clip(word), didYouMean(strings.TrimPrefix(strings.ToLower(word), "ms_"), known))
	})
}

// words reads a text, or a list of them.
func (p *parser) words(n *yaml.Node, what, one string, each func(item *yaml.Node, word string)) {
	p.list(n, what, func(item *yaml.Node) {
		if word, ok := p.text(item, one); ok {
			each(item, word)
		}
	})
}

// refused reads names of mount options, or options with their value.
func (p *parser) refused(n *yaml.Node, r *policy.Rule) {
	p.words(n, "refuse", "an option", func(item *yaml.Node, word string) {
		if word == "" || strings.HasPrefix(word, "=") || strings.ContainsAny(word, ",\n\x00") {
			p.fault(item, "an option is NAME or NAME=VALUE, one for each item, not %s", clip(word))
			return
		}
		r.Grant.Refuse = append(r.Grant.Refuse, word)
	})
}

// idmap has one word, so that others can come.
func (p *parser) idmap(n *yaml.Node, r *policy.Rule) {
	if word, ok := p.text(n, "idmap"); ok && word != "auto" {
		p.fault(n, "idmap is `auto` or is left out, not %s", clip(word))
	}
	r.Grant.IDMap = true
}

// fuse reads which program serves which file system.
func (p *parser) fuse(n *yaml.Node, r *policy.Rule) {
	if n.Kind != yaml.MappingNode || len(n.Content) == 0 {
		p.fault(n, "fuse is a mapping of file systems to programs ({ext4: fuse2fs}), not %s", kindName(n))
		return
	}
	r.Grant.FUSE = map[string]string{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		kind, ok := p.text(n.Content[i], "a file system")
		program, ok2 := p.text(n.Content[i+1], "a program")
		if !ok || !ok2 {
			return
		}
		if kind == "" || program == "" || strings.ContainsAny(kind+program, "\n\x00") || strings.Contains(program, "/") && program[0] != '/' {
			p.fault(n.Content[i+1], "a program is a name, looked for in the container's PATH, or an absolute path, not %s", clip(program))
			return
		}
		if r.Grant.FUSE[kind] != "" {
			p.fault(n.Content[i], "two programs for %s", clip(kind))
			return
		}
		r.Grant.FUSE[kind] = program
	}
}

// moduleName is what the kernel takes for one: letters, digits, _ and - (include/linux/module.h, MODULE_NAME_LEN).
func moduleName(s string) bool { return regexp.MustCompile(`^[A-Za-z0-9_-]{1,55}$`).MatchString(s) }

func (p *parser) modules(n *yaml.Node, r *policy.Rule) {
	p.words(n, "modules", "a module", func(item *yaml.Node, word string) {
		if !moduleName(word) {
			p.fault(item, "%s is no module's name: it is what lsmod(8) shows", clip(word))
			return
		}
		r.Grant.Modules = append(r.Grant.Modules, strings.ReplaceAll(word, "-", "_"))
	})
}

// devices reads names, or types and numbers as ls -l shows them: "c 10:200", "b 7:*".
func (p *parser) devices(n *yaml.Node, r *policy.Rule) {
	r.Grant.Devices = []policy.Device{}
	p.words(n, "devices", "a device", func(item *yaml.Node, word string) {
		if word == "harmless" {
			r.Grant.Devices = append(r.Grant.Devices, policy.HarmlessDevices()...)
			return
		}
		d, ok := device(word)
		if !ok {
			p.fault(item, `unknown device %s%s; others are written as "c 10:200", "b 7:0" or "b 7:*"`, clip(word), didYouMean(word, deviceNames()))
			return
		}
		r.Grant.Devices = append(r.Grant.Devices, d)
	})
}

func deviceNames() []string {
	list := []string{"harmless"}
	for _, d := range policy.NamedDevices() {
		list = append(list, d.Name)
	}
	return list
}

func device(word string) (policy.Device, bool) {
	for _, d := range policy.NamedDevices() {
		if d.Name == word {
			return d.Device, true
		}
	}
	kind, numbers, ok := strings.Cut(word, " ")
	major, minor, ok2 := strings.Cut(numbers, ":")
	types := map[string]uint32{"c": policy.CharDevice, "b": policy.BlockDevice}
	d := policy.Device{Type: types[kind], AnyMinor: minor == "*"}
	if !ok || !ok2 || d.Type == 0 {
		return d, false
	}
	ok = number(major, 12, &d.Major) && (d.AnyMinor || number(minor, 20, &d.Minor))
	return d, ok
}

// number reads as many bits as the kernel has (include/linux/kdev_t.h).
func number(text string, bits int, to *uint32) bool {
	v, err := strconv.ParseUint(text, 10, bits)
	*to = uint32(v)
	return err == nil
}
