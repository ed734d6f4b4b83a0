package oci

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/policy/filter"
)

// Metadata is the listenerMetadata for a profile exported from a policy: its name, and a fingerprint of what the kernel filter
// decides. With the fingerprint the agent knows the filters of the containers that it is handed.
func Metadata(policy string, l filter.Lists) string { return policy + "@" + fingerprint(l) }

// fingerprint tells lists apart by what they say. It is as long as no accident needs it to be longer.
func fingerprint(l filter.Lists) string {
	h := sha256.New()
	fmt.Fprintln(h, l.BadABI)
	for i := range l.ABIs {
		d := &l.ABIs[i]
		fmt.Fprintln(h, d.ABI, d.Default)
		for _, id := range slices.SortedFunc(maps.Keys(d.Calls), byName) {
			printClauses(h, id, d.Calls[id])
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}

// byName: ids change when calls are added to the tables.
func byName(a, b arch.ID) int { return strings.Compare(a.Name(), b.Name()) }

func printClauses(w io.Writer, id arch.ID, list []filter.Clause) {
	fmt.Fprintln(w, id.Name())
	for _, c := range list {
		fmt.Fprintf(w, "%v %+v\n", uint32(c.Then), c.When)
	}
}

// changes are the calls that two versions of a policy decide differently in the kernel.
func changes(a, b filter.Lists) (calls arch.Selection) {
	for i := range a.ABIs {
		for j := range b.ABIs {
			if a.ABIs[i].ABI == b.ABIs[j].ABI {
				calls = calls.Union(changed(&a.ABIs[i], &b.ABIs[j]))
			}
		}
	}
	return calls
}

func changed(a, b *filter.Decisions) (calls arch.Selection) {
	for id := arch.ID(1); id < arch.NumIDs; id++ {
		_, named := a.ABI.NumberOf(id)
		if (named || len(a.Calls[id])+len(b.Calls[id]) > 0) && !slices.EqualFunc(effective(a, id), effective(b, id), sameClause) {
			calls.Add(id)
		}
	}
	return calls
}

func effective(d *filter.Decisions, id arch.ID) []filter.Clause {
	return append(slices.Clip(d.Calls[id]), filter.Clause{Then: d.Default})
}

func sameClause(a, b filter.Clause) bool { return a.Then == b.Then && slices.Equal(a.When, b.When) }

// notifiesAll says whether none of the calls runs without the supervisor's knowledge.
func notifiesAll(l filter.Lists, calls arch.Selection) bool {
	for i := range l.ABIs {
		d := &l.ABIs[i]
		for _, id := range calls.IDs() {
			if _, ok := d.ABI.NumberOf(id); ok && slices.ContainsFunc(reachable(d, id), unseen) {
				return false
			}
		}
	}
	return len(l.ABIs) > 0
}

// reachable are the clauses of a call up to the first that always holds.
func reachable(d *filter.Decisions, id arch.ID) []filter.Clause {
	list := effective(d, id)
	for i := range list {
		if len(list[i].When) == 0 {
			return list[:i+1]
		}
	}
	return list
}

func unseen(c filter.Clause) bool { return c.Then == filter.Allow || c.Then == filter.Log }
