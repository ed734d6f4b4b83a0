package landlockabi

// kernels are the first releases with an ABI, by its number.
var kernels = [...]string{
	1: "5.13", 2: "5.19", 3: "6.2", 4: "6.7", 5: "6.10", 6: "6.12", 7: "6.15", 8: "7.0", 9: "7.1", 10: "7.2", 11: "7.3",
}

// Newest is the newest ABI described here. Newer ones say at least as much.
const Newest = len(kernels) - 1

// quietABI has the quiet_* fields and LANDLOCK_ADD_RULE_QUIET.
const quietABI = 10

// Facts are the words that an ABI has.
type Facts struct {
	ABI      int    // as given, at most Newest; 0: none
	Kernel   string // the first release with it
	FS       FS
	Net      Net
	Scopes   Scope
	Restrict Restrict
	Quiet    bool // denials can be kept out of the audit log object by object
}

// FactsOf describes an ABI. An ABI newer than all known ones has the words of the newest known; 0 and less have none.
func FactsOf(abi int) Facts {
	abi = min(max(abi, 0), Newest)
	return Facts{
		ABI: abi, Kernel: kernels[abi], Quiet: abi >= quietABI,
		FS:       FS(known(fsWords[:], abi)),
		Net:      Net(known(netWords[:], abi)),
		Scopes:   Scope(known(scopeWords[:], abi)),
		Restrict: Restrict(known(restrictWords[:], abi)),
	}
}

func known(words []word, abi int) (set uint64) {
	for i := range words {
		if words[i].abi <= abi {
			set |= 1 << i
		}
	}
	return set
}

// Kernel is the first Linux release that has an ABI ("6.2"), or "" for what is no known ABI.
func Kernel(abi int) string {
	if abi < 0 || abi > Newest {
		return ""
	}
	return kernels[abi]
}
