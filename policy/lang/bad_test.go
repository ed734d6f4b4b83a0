package lang

import (
	"strings"
	"testing"
	"time"
)

// rule wraps a rule's keys, the first of which is on line 3, column 5.
func ruleText(keys string) string { return "version: 1\nrules:\n  - " + keys + "\n" }

func TestErrors(t *testing.T) {
	const at1 = "p.yaml:1:1: "
	for _, c := range [][2]string{
		// YAML itself
		{"", at1 + `the file is empty: a policy begins with "version: 1"`},
		{"# nothing\n", at1 + `the file is empty: a policy begins with "version: 1"`},
		{"[1]", at1 + `a policy is a mapping that begins with "version: 1", not a list`},
		{"hello", at1 + `a policy is a mapping that begins with "version: 1", not text`},
		{"version: 1\n---\nversion: 1\n", "p.yaml: several YAML documents in one file: a file holds one policy; use `include`"},
		{"version: 1\nname: a: b\n", "p.yaml:2:8: not YAML: mapping values are not allowed in this context"},
		{"version: 1\n\tname: x", "p.yaml:2:1: not YAML: found a tab character that violates indentation: indent with spaces, not with tabs"},
		{"version: 1\nfiles: {read: [/a}\n", "p.yaml:2:18: not YAML: did not find expected ',' or ']'"},
		{"version: 1\nname: \"a\x00b\"", "p.yaml:2:9: a NUL byte: a policy is text in UTF-8"},
		{"version: 1\nname: \"a\\0b\"", "p.yaml:2:7: a NUL character: no name, path or condition has one"},
		{"version: 1\nname: \xff", "p.yaml:2:7: byte 0xff is not UTF-8: save the file as UTF-8"},
		{"version: 1\nname: &x a", "p.yaml:2:7: &x is an anchor to YAML, and a policy has none: use `vars` and ${NAME} for what is repeated"},
		{ruleText("calls: [*at]\n    then: allow"), "p.yaml:3:13: not YAML: unknown anchor 'at' referenced: put what begins with * in quotes"},
		{ruleText("calls: [%file]\n    then: allow"), "p.yaml:3:13: not YAML: found character that cannot start any token: put what begins with % in quotes"},
		{ruleText("calls: !open\n    then: allow"), "p.yaml:3:12: !open is a tag to YAML, and a policy has none: put what begins with ! in quotes"},
		{strings.Repeat("[", 65), "p.yaml:1:65: nested deeper than 64 levels"},
		{strings.Repeat("a,", 60_000) + strings.Repeat("- ", 60_000), "p.yaml: more than 100000 YAML nodes: a policy that large is a mistake, or split it and its machines"},
		{strings.Repeat(" ", MaxFile+1), "p.yaml: larger than 1024 KiB: split the policy with `include`"},
		{"version: 1\nname: '" + strings.Repeat("x", MaxText+1) + "'", "p.yaml:2:7: a text of more than 64 KiB"},
		// keys
		{"name: x", at1 + `the version of the language is missing: begin with "version: 1"`},
		{"version: 2", `p.yaml:1:10: version "2" is not known: this program reads "version: 1"`},
		{"version: '1'", `p.yaml:1:10: version "1" is not known: this program reads "version: 1"`},
		{"version: 1\nrulez: []", `p.yaml:2:1: unknown key "rulez" in a policy: did you mean rules?`},
		{"version: 1\n<<: {}", `p.yaml:2:1: unknown key "<<" in a policy: known are version, vars, include, name, default, rules, files, network, exec`},
		{"version: 1\nname: a\nname: b", `p.yaml:3:1: "name" comes twice in a policy: the first is on line 2`},
		{"version: 1\n[a]: b", `p.yaml:2:1: a key of a policy is a word, not a list`},
		{"version: 1\nname: 5", "p.yaml:2:7: name is text, and to YAML this is a number: put it in quotes"},
		{"version: 1\nname: [a]", "p.yaml:2:7: name is text, not a list"},
		{"version: 1\nname: \"a\\nb\"", "p.yaml:2:7: a name is one line of at most 128 bytes"},
		{"version: 1\nrules: {}", `p.yaml:2:8: rules is a list of rules ("- calls: …"), not a mapping`},
		{"version: 1\nfiles: /usr", "p.yaml:2:8: files is a mapping (key: value), not text"},
		{"version: 1\nfiles: {raed: [/]}", `p.yaml:2:9: unknown key "raed" in files: did you mean read?`},
		{"version: 1\nnetwork: {bind: []}", `p.yaml:2:11: unknown key "bind" in network: known are connect, listen`},
		{"version: 1\nfiles: {read: }", "p.yaml:2:15: read is empty: write a list, [] for an empty one"},
		{"version: 1\nfiles: {read: {a: b}}", "p.yaml:2:15: read is a list, not a mapping"},
		// actions
		{"version: 1\ndefault: alow", `p.yaml:2:10: unknown verb "alow" in default: did you mean allow?`},
		{"version: 1\ndefault: nothing", `p.yaml:2:10: unknown verb "nothing" in default: known are allow, deny, kill, log, perform, ask, return`},
		{"version: 1\ndefault: deny EPERM", `p.yaml:2:10: default: write {deny: EPERM}`},
		{"version: 1\ndefault: return", `p.yaml:2:10: default: return needs a value: write {return: 0}`},
		{"version: 1\ndefault: {deny: EPREM}", `p.yaml:2:17: unknown error "EPREM": did you mean EPERM?`},
		{"version: 1\ndefault: {deny: 1}", "p.yaml:2:17: deny takes the name of an error, such as EPERM: the numbers differ between machines"},
		{"version: 1\ndefault: {quiet: true}", "p.yaml:2:10: default has one of deny and return: {deny: EPERM}, or {return: 0}; the other verbs stand alone"},
		{"version: 1\ndefault: {deny: EPERM, return: 1}", "p.yaml:2:10: default has one of deny and return: {deny: EPERM}, or {return: 0}; the other verbs stand alone"},
		{"version: 1\ndefault: {deny: EPERM, quite: true}", `p.yaml:2:24: unknown key "quite" in default: did you mean quiet?`},
		{"version: 1\ndefault: {deny: EPERM, quiet: yes}", `p.yaml:2:31: quiet is true or false, not "yes"`},
		{"version: 1\ndefault: {return: -1}", "p.yaml:2:19: return: -1 is an error to the caller: write {deny: EPERM}"},
		{"version: 1\ndefault: {return: 010}", "p.yaml:2:19: return: 010 is ambiguous: write the number as decimal, or as 0x and hexadecimal"},
		{"version: 1\ndefault: {return: 99999999999999999999}", `p.yaml:2:19: return: a whole number is wanted, not "99999999999999999999"`},
		{"version: 1\ndefault: {return: x}", `p.yaml:2:19: return: a whole number is wanted, not "x"`},
		// rules
		{ruleText("calls: [opent]\n    then: allow"), `p.yaml:3:13: unknown call "opent": did you mean open?`},
		{ruleText("calls: ['%fil']\n    then: allow"), `p.yaml:3:13: unknown class "%fil": did you mean %file?`},
		{ruleText("calls: ['open', '!open']\n    then: allow"), `p.yaml:3:12: no call is left: the rule can never match`},
		{ruleText("calls: []\n    then: allow"), `p.yaml:3:12: no call is left: the rule can never match`},
		{ruleText("calls: " + strings.Repeat("x", 200) + "\n    then: allow"), `p.yaml:3:12: unknown call "` + strings.Repeat("x", 57) + `...": no call has so long a name`},
		{ruleText("then: allow"), "p.yaml:3:5: the rule says no calls: add `calls: [openat]`, or `calls: all`"},
		{ruleText("calls: open"), "p.yaml:3:5: the rule says nothing to do: add `then: allow`, or deny, kill, log, perform, ask, return"},
		{ruleText("open"), "p.yaml:3:5: a rule is a mapping (key: value), not text"},
		{ruleText("calls: open\n    then: allow\n    wen: x"), `p.yaml:5:5: unknown key "wen" in a rule: did you mean when?`},
		{ruleText("calls: open\n    then: allow\n    when: true"), "p.yaml:5:11: a condition is text, and to YAML this is true or false: put it in quotes"},
		{ruleText("calls: open\n    then: allow\n    when: ' '"), "p.yaml:5:11: when is empty: leave it out if the rule always holds"},
		{ruleText("calls: open\n    then: allow\n    when: []"), "p.yaml:5:11: when is empty: leave it out if the rule always holds"},
		{ruleText("calls: open\n    then: allow\n    race: true"), "p.yaml:5:11: race is `accepted` or is left out, not \"true\""},
		{ruleText("calls: mount\n    then: allow\n    force: [nosuid]"), "p.yaml:5:12: force needs `then: perform`: the kernel makes the call as it is when the rule says allow"},
		{ruleText("calls: [mount, open]\n    then: perform\n    force: [nosuid]"), "p.yaml:5:12: force means nothing to open: give it a rule of its own"},
		{ruleText("calls: mount\n    then: perform\n    force: [MS_NOSUID]"), `p.yaml:5:13: unknown mount flag "MS_NOSUID" in force: did you mean nosuid?`},
		{ruleText("calls: mknod\n    then: allow\n    as: supervisor"), "p.yaml:5:9: as needs `then: perform`: the kernel makes the call as it is when the rule says allow"},
		{ruleText("calls: mknod\n    then: perform\n    as: superviser"), `p.yaml:5:9: unknown word "superviser" in as: did you mean supervisor?`},
		{ruleText("calls: mknod\n    then: perform\n    devices: [nul]"), `p.yaml:5:15: unknown device "nul": did you mean null?; others are written as "c 10:200", "b 7:0" or "b 7:*"`},
		{ruleText("calls: mknod\n    then: perform\n    devices: ['c 4096:1']"), `p.yaml:5:15: unknown device "c 4096:1": known are harmless, null, zero, full, random, urandom, tty, console, fuse, net/tun; others are written as "c 10:200", "b 7:0" or "b 7:*"`},
		{ruleText("calls: mknod\n    then: perform\n    devices: ['x 1:1']"), `p.yaml:5:15: unknown device "x 1:1": known are harmless, null, zero, full, random, urandom, tty, console, fuse, net/tun; others are written as "c 10:200", "b 7:0" or "b 7:*"`},
		{ruleText("calls: mount\n    then: perform\n    devices: [null]"), "p.yaml:5:15: a device is text, and to YAML this is nothing: put it in quotes"},
		{ruleText("calls: mount\n    then: perform\n    idmap: yes-please"), "p.yaml:5:12: idmap is `auto` or is left out, not \"yes-please\""},
		{ruleText("calls: mount\n    then: perform\n    fuse: fuse2fs"), "p.yaml:5:11: fuse is a mapping of file systems to programs ({ext4: fuse2fs}), not text"},
		{ruleText("calls: mount\n    then: perform\n    fuse: {ext4: ./fuse2fs}"), `p.yaml:5:18: a program is a name, looked for in the container's PATH, or an absolute path, not "./fuse2fs"`},
		{ruleText("calls: mount\n    then: perform\n    fuse: {ext4: a, ext4: b}"), `p.yaml:5:21: two programs for "ext4"`},
		{ruleText("calls: mount\n    then: perform\n    sources: [images]"), `p.yaml:5:15: "images" is not absolute: write ${CWD}/images, or the whole path`},
		{ruleText("calls: mount\n    then: perform\n    refuse: ['suid,dev']"), `p.yaml:5:14: an option is NAME or NAME=VALUE, one for each item, not "suid,dev"`},
		{ruleText("calls: init_module\n    then: perform\n    modules: [../x]"), `p.yaml:5:15: "../x" is no module's name: it is what lsmod(8) shows`},
		{ruleText("calls: mount\n    then: perform\n    name: ''"), `p.yaml:5:11: a name is one line of 1 to 128 bytes`},
		// variables
		{"version: 1\nfiles: {read: ['${DATA}']}\nvars: {data: /x}", "p.yaml:2:16: undefined variable ${DATA}: did you mean ${data}?"},
		{"version: 1\nfiles: {read: ['${PGHOST}']}", "p.yaml:2:16: undefined variable ${PGHOST}: write ${env:PGHOST} for the environment's"},
		{"version: 1\nfiles: {read: ['${zzz}']}", "p.yaml:2:16: undefined variable ${zzz}: declare it in vars, or write ${env:NAME} for the environment's; known are CWD, HOME, TMPDIR, UID, USER, XDG_RUNTIME_DIR"},
		{"version: 1\nfiles: {read: ['${env:NONE}']}", "p.yaml:2:16: ${env:NONE}: the environment has no NONE: set it, or declare a variable in vars and use --set"},
		{"version: 1\nfiles: {read: ['/x/${env:EMPTY}']}", "p.yaml:2:16: the variable ${env:EMPTY} is empty: give it a value"},
		{"version: 1\nfiles: {read: ['/x/${env:BAD}']}", `p.yaml:2:16: the value of ${env:BAD} has a control character (a newline, say): "a\nb"`},
		{"version: 1\nfiles: {read: ['/x/${env:LATIN}']}", `p.yaml:2:16: the value of ${env:LATIN} is not UTF-8: "\xe9"`},
		{"version: 1\nfiles: {read: ['${XDG_RUNTIME_DIR}']}", "p.yaml:2:16: ${XDG_RUNTIME_DIR}: the environment has no XDG_RUNTIME_DIR: set it, or use --set XDG_RUNTIME_DIR=…"},
		{"version: 1\nfiles: {read: ['${a b}']}", `p.yaml:2:16: "${a b}" is no variable: write ${NAME} or ${env:NAME}, or $$ for a dollar`},
		{"version: 1\nfiles: {read: ['${x']}", `p.yaml:2:16: "${x": ${ is never closed: write ${NAME}, or $$ for a dollar`},
		{"version: 1\nfiles: {read: ['$HOME/x']}", "p.yaml:2:16: $HOME: write ${HOME} for the variable, or $$HOME for a dollar"},
		{"version: 1\nvars: {HOME: /x}", "p.yaml:2:8: HOME is a variable already: choose another name, or override it with --set HOME=…"},
		{"version: 1\nvars: {1a: /x}", `p.yaml:2:8: "1a" is no name for a variable: use letters, digits and _, beginning with a letter`},
		{"version: 1\nvars: {a: [x]}", "p.yaml:2:11: a variable is text or a whole number, not a list"},
		{"version: 1\nvars: {a: ''}", "p.yaml:2:11: the variable a is empty: give it a value"},
		{"version: 1\nvars: {a: 1_0}", "p.yaml:2:11: the variable a: 1_0 is ambiguous: write the number as decimal, or as 0x and hexadecimal"},
		{"version: 1\nvars: {a: '${b}', b: '${a}'}", "p.yaml:2:22: the variable a is made of itself: give it a value of its own"},
		{"version: 1\nvars: {a: x, a: y}", `p.yaml:2:14: "a" comes twice in vars: the first is on line 2`},
		{"version: 1\nvars: [a]", "p.yaml:2:7: vars is a mapping (name: value), not a list"},
		// paths
		{"version: 1\nfiles: {read: [usr/lib]}", `p.yaml:2:16: "usr/lib" is not absolute: write ${CWD}/usr/lib, or the whole path`},
		{"version: 1\nfiles: {read: [./x]}", `p.yaml:2:16: "./x" is not absolute: write ${CWD}/x, or the whole path`},
		{"version: 1\nfiles: {read: [../x]}", `p.yaml:2:16: "../x" is not absolute: write the whole path`},
		{"version: 1\nfiles: {read: [~/x]}", `p.yaml:2:16: "~/x": write ${HOME}/x`},
		{"version: 1\nfiles: {read: ['']}", `p.yaml:2:16: an empty path: write / for everything`},
		{"version: 1\nfiles: {read: [/a/../b]}", `p.yaml:2:16: "/a/../b" has ".." in it: write /b`},
		{"version: 1\nvars: {x: ../etc}\nfiles: {read: ['/srv/${x}']}", `p.yaml:3:16: "/srv/../etc" has ".." in it: write /etc`},
		{"version: 1\nvars: {x: .}\nfiles: {read: ['/srv/.${x}']}", `p.yaml:3:16: "/srv/.." has ".." in it: write /`},
		{"version: 1\nfiles: {read: [\"/a\\nb\"]}", `p.yaml:2:16: "/a\nb" has a NUL or a newline: such a path is a mistake`},
		{"version: 1\nfiles: {read: [/a/**b]}", `p.yaml:2:16: "/a/**b": ** stands for whole directories: write /**/`},
		{"version: 1\nfiles: {read: ['/a/[b']}", `p.yaml:2:16: "/a/[b" is no pattern: write classes as [a-z] or [^a-z], and \[ for a bracket`},
		{"version: 1\nfiles: {read: ['/a/[z-a]']}", `p.yaml:2:16: "/a/[z-a]" is no pattern: write classes as [a-z] or [^a-z], and \[ for a bracket`},
		{"version: 1\nfiles: {read: ['/{a,b}']}", `p.yaml:2:16: "/{a,b}": braces are no alternatives here: write a list of paths, or \{ for the character`},
		{"version: 1\nfiles: {read: ['/[${USER}]']}", `p.yaml:2:16: "/[u]": in [ and ] stand the characters themselves, without variables and \`},
		{`{version: 1, files: {read: ['/a\']}}`, `p.yaml:1:29: "/a\\" ends with a lone backslash: write \\ for one`},
		{"version: 1\nexec: [/" + strings.Repeat("x", 4095) + "]", "p.yaml:2:8: a path of more than 4095 bytes, which the kernel does not take"},
		// include
		{"version: 1\ninclude: none.yaml", "p.yaml:2:10: read policy none.yaml: no such file or directory"},
		{"version: 1\ninclude: preset:bass", `p.yaml:2:10: unknown preset "bass": did you mean base?`},
		{"version: 1\ninclude: preset:../x", `p.yaml:2:10: unknown preset "../x": known are base, build, container-mount, docker-default, fake-root, network-client, perform, read-only, system-container, web-server`},
		{"version: 1\ninclude: p.yaml", "p.yaml:2:10: p.yaml includes itself: p.yaml -> p.yaml: take one of the includes out"},
		{"version: 1\ninclude: ./x/../p.yaml", "p.yaml:2:10: p.yaml includes itself: p.yaml -> p.yaml: take one of the includes out"},
		{"version: 1\ninclude: ''", `p.yaml:2:10: "" is no file name`},
		{"version: 1\ninclude: [preset:build, preset:web-server]", "preset:web-server:7:10: two defaults: the other is at preset:build:6:10; say `default` in the file that includes them"},
	} {
		if _, err := parse(c[0]); err == nil || err.Error() != c[1] {
			t.Errorf("%s\n got %v\nwant %s", clip(c[0]), err, c[1])
		}
	}
}

func TestEndpointErrors(t *testing.T) {
	for _, c := range [][2]string{
		{"80", `80 is a port without an address: write ":80" for any address`},
		{"'80'", `80 is a port without an address: write ":80" for any address`},
		{"::1", `"::1": put an IPv6 address in brackets: "[::1]:80"`},
		{"fd00::/8", `"fd00::/8": put an IPv6 address in brackets: "[::1]:80"`},
		{"'[::1'", `"[::1": the bracket is never closed: "[::1]:80"`},
		{"'[::1]80'", `"[::1]80": after ] comes a port: "[::1]:80", "[fd00::/8]:*"`},
		{"'[1.2.3.4]:80'", `"[1.2.3.4]:80": brackets are for IPv6 addresses: leave them out`},
		{"'[fe80::1%eth0]:80'", `"fe80::1%eth0" has a zone, which the kernel does not compare: leave out what follows %`},
		{"'[::ffff:1.2.3.4]:80'", `"::ffff:1.2.3.4" is an IPv4 address in IPv6: write 1.2.3.4`},
		{"10.0.0.1/8:80", `"10.0.0.1/8" has bits beyond its mask: write 10.0.0.0/8`},
		{"10.0.0.256:80", `"10.0.0.256" is no IP address and no prefix: write 10.0.0.1, 10.0.0.0/8 or [fd00::/8]`},
		{"10.0.0.0/33:80", `"10.0.0.0/33" is no IP address and no prefix: write 10.0.0.1, 10.0.0.0/8 or [fd00::/8]`},
		{"a.example:https", `"https" is no port: write a number, a range 1000-2000, or *`},
		{"a.example:70000", `port 70000 is larger than 65535`},
		{"a.example:0", `port 0 is none: the kernel would choose one: write * for any, or a range`},
		{"a.example:20-10", `ports 20-10: the first is the larger one: write 10-20`},
		{"a.example:-5", `"" is no port: write a number, a range 1000-2000, or *`},
		{"'*.example.org:443'", `"*.example.org": a pattern of names cannot be looked up: name each host, or its addresses`},
		{"-a.example:443", `"-a.example" is no host name`},
		{"a..example:443", `"a..example" is no host name`},
		{"'ü.example:443'", `"ü.example" is no host name`},
		{"unix:run/x", `unix: "run/x" is not absolute: write ${CWD}/run/x, or the whole path`},
		{"'unix:/run/*'", `unix:/run/*: a socket is named by its path, without a pattern: write \* for the character itself`},
		{"unix:@", `unix:@ is no name: write unix:@name`},
		{"unix:/" + strings.Repeat("x", 107), `unix:/` + strings.Repeat("x", 107) + `: a socket's path has at most 107 bytes`},
		{"'${all}:443'", `"*": a pattern of names cannot be looked up: name each host, or its addresses`},
		{"'${hostport}'", `"1.2.3.4:1-65535" is no IP address and no prefix: write 10.0.0.1, 10.0.0.0/8 or [fd00::/8]`},
		{"'a.example:${range}'", `"1-65535" is no port: write a number, a range 1000-2000, or *`},
		{"'a.example:${all}'", `"*" is no port: write a number, a range 1000-2000, or *`},
		{"'${unix}'", `"unix:/x" is no IP address and no prefix: write 10.0.0.1, 10.0.0.0/8 or [fd00::/8]`},
		{"'unix:${at}'", `unix: "@x" is not absolute: write ${CWD}/@x, or the whole path`},
		{"''", `an empty endpoint: write "*" for any`},
	} {
		text := "version: 1\nvars: {all: '*', hostport: '1.2.3.4:1-65535', range: 1-65535, unix: 'unix:/x', at: '@x'}\nnetwork:\n  listen: [" + c[0] + "]\n"
		want := "p.yaml:4:12: " + c[1]
		if _, err := parse(text); err == nil || err.Error() != want {
			t.Errorf("%s\n got %v\nwant %s", c[0], err, want)
		}
	}
}

func TestSetErrors(t *testing.T) {
	for _, c := range [][3]string{
		{"dta", "/x", "--set dta: no policy has a variable of that name: did you mean data?"},
		{"data", "", "p.yaml:2:14: the variable data (of --set) is empty: give it a value"},
		{"port", "80x", `p.yaml:2:26: --set port="80x": the variable is a whole number`},
	} {
		o := testOptions(nil)
		o.Set = map[string]string{c[0]: c[1]}
		_, err := Parse("p.yaml", []byte("version: 1\nvars: {data: /srv, port: 80}\n"), o)
		if err == nil || err.Error() != c[2] {
			t.Errorf("%s=%s\n got %v\nwant %s", c[0], c[1], err, c[2])
		}
	}
}

func TestIncludeErrors(t *testing.T) {
	files := map[string]string{
		"/jobs/a.yaml":     "version: 1\ninclude: sub/b.yaml\n",
		"/jobs/sub/b.yaml": "version: 1\ninclude: ../a.yaml\n",
		"/jobs/x.yaml":     "version: 1\ndefault: allow\nvars: {v: 1}\n",
		"/jobs/y.yaml":     "version: 1\ndefault: kill\nvars: {v: 2}\n",
		"/jobs/bad.yaml":   "version: 1\ninclude: wrong.yaml\nnam: x\n",
		"/jobs/wrong.yaml": "version: 1\nfiles: {read: [x]}\n",
	}
	for _, c := range []struct {
		files []string
		want  string
	}{
		{[]string{"a.yaml"}, "sub/b.yaml:2:10: a.yaml includes itself: a.yaml -> sub/b.yaml -> a.yaml: take one of the includes out"},
		{[]string{"x.yaml", "y.yaml"}, "y.yaml:2:10: two defaults: the other is at x.yaml:2:10; take one out\n" +
			"y.yaml:3:8: the variable v has another value at x.yaml:3:11: say it in the file that includes both, or once"},
		{[]string{"bad.yaml"}, `bad.yaml:3:1: unknown key "nam" in a policy: did you mean name?` + "\n" +
			`wrong.yaml:2:16: "x" is not absolute: write ${CWD}/x, or the whole path`},
	} {
		o := testOptions(files)
		o.Files = c.files
		if _, err := Load(o); err == nil || err.Error() != c.want {
			t.Errorf("%v\n got %v\nwant %s", c.files, err, c.want)
		}
	}
}

// Chains of includes and of files end.
func TestIncludeBounds(t *testing.T) {
	o := testOptions(nil)
	o.ReadFile = func(name string) ([]byte, error) { return []byte("version: 1\ninclude: x/n.yaml\n"), nil }
	o.Files = []string{"n.yaml"}
	if _, err := Load(o); err == nil || !strings.HasSuffix(err.Error(), ": includes nested deeper than 16: join some") {
		t.Error(err)
	}
	var b strings.Builder
	for i := range MaxFiles + 1 {
		b.WriteString("n" + strings.Repeat("x", i) + ", ")
	}
	o.ReadFile = func(name string) ([]byte, error) { return []byte("version: 1\n"), nil }
	if _, err := Parse("p", []byte("version: 1\ninclude: ["+b.String()+"]"), o); err == nil ||
		!strings.Contains(err.Error(), ": more than 64 files in one policy: join some") {
		t.Error(err)
	}
}

// What is made to be slow is not. The bound leaves room for the race detector on a busy machine.
func TestBombs(t *testing.T) {
	vars := "version: 1\nvars:\n  a0: aaaaaaaaaaaaaaaa\n"
	for i := 1; i < 30; i++ {
		vars += "  a" + strings.Repeat("b", i) + ": '${a" + map[bool]string{true: "0"}[i == 1] + strings.Repeat("b", i-1) + "}${a" +
			map[bool]string{true: "0"}[i == 1] + strings.Repeat("b", i-1) + "}'\n"
	}
	long := strings.Repeat("x", 60_000)
	for name, text := range map[string]string{
		"doubling variables": vars,
		"references":         "version: 1\nvars: {x: " + strings.Repeat("y", 4000) + "}\nfiles: {read: ['/" + strings.Repeat("${x}", 15_000) + "']}",
		"references in when": "version: 1\nvars: {x: " + strings.Repeat("y", 4000) + "}\nrules: [{calls: open, then: allow, when: '" + strings.Repeat("${x}", 15_000) + "'}]",
		"unknown calls":      "version: 1\nrules:\n" + strings.Repeat("- {calls: '"+strings.Repeat("x", 100)+"', then: allow}\n", 5000),
		"long key":           "version: 1\n" + long + ": 1\n",
		"many keys":          "version: 1\n" + strings.Repeat("x: 1\n", 90_000),
		"flow":               "[" + strings.Repeat("a,", 45_000) + "[" + strings.Repeat("b,", 45_000) + "]]",
		"quotes":             "version: 1\nname: \"" + strings.Repeat("\\u0041", 100_000) + "\"\n",
		"comments":           strings.Repeat("# x\n", 90_000) + "version: 1\nname: 1\n",
		"spaces":             strings.Repeat(" ", 1_000_000) + "x",
		"colons":             "version: 1\n" + strings.Repeat(":", 1_000_000),
		"question marks":     strings.Repeat("?", 500_000) + strings.Repeat("? ", 30_000),
		"braces":             "version: 1\nname: " + strings.Repeat("{", 64) + strings.Repeat("}", 64),
		"block scalar":       "version: 1\nname: |\n" + strings.Repeat("  x\n", 90_000),
		"percent":            strings.Repeat("%YAML 1.2\n", 90_000),
	} {
		start := time.Now()
		if _, err := parse(text); err == nil {
			t.Errorf("%s: taken", name)
		}
		if d := time.Since(start); d > 10*time.Second {
			t.Errorf("%s: took %v", name, d)
		} else if testing.Verbose() {
			t.Logf("%s: %v", name, d)
		}
	}
}
