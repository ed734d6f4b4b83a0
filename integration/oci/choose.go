package oci

import (
	"fmt"
	"strings"
)

// Annotations that name a container's policy, the first that is there counting. Kubernetes' are the pod's, which containerd and CRI-O
// hand on if told to; there the container's name may follow the key.
const (
	AnnotationPolicy     = "io.github.stead-project.policy" // OCI
	AnnotationKubernetes = "stead-project.github.io/policy" // Kubernetes; or with .CONTAINER
)

// containerNames are the annotations in which containerd and CRI-O say a container's name in its pod.
func containerNames() []string {
	return []string{"io.kubernetes.cri.container-name", "io.kubernetes.container.name"}
}

// podNames are those for the pod and its namespace.
func podNames() [][2]string {
	return [][2]string{
		{"io.kubernetes.cri.sandbox-namespace", "io.kubernetes.cri.sandbox-name"},
		{"io.kubernetes.pod.namespace", "io.kubernetes.pod.name"},
	}
}

// A choice is a policy's name and what is known of the container's kernel filter.
type choice struct {
	policy string
	print  string // fingerprint of the lists that the filter was made from; "": unknown
}

// choose finds a container's policy: by metadata, which the node's profiles say, else by annotations, which the container's author
// says, else the default.
func choose(s *State, o Options) (choice, error) {
	if s.Metadata != "" {
		return parseChoice(s.Metadata)
	}
	if name := annotated(s.Container.Annotations); name != "" && !o.NoAnnotations {
		return parseChoice(name)
	}
	if o.Default == "" {
		return choice{}, fmt.Errorf("container %.64q names no policy, neither by listenerMetadata nor by the annotation %s, and the agent has no default",
			s.Container.ID, AnnotationPolicy)
	}
	return choice{policy: o.Default}, nil
}

func annotated(a map[string]string) string {
	for _, key := range containerNames() {
		if name := a[key]; name != "" && a[AnnotationKubernetes+"."+name] != "" {
			return a[AnnotationKubernetes+"."+name]
		}
	}
	if name := a[AnnotationKubernetes]; name != "" {
		return name
	}
	return a[AnnotationPolicy]
}

// parseChoice reads NAME or NAME@FINGERPRINT.
func parseChoice(text string) (choice, error) {
	name, print, _ := strings.Cut(strings.TrimSpace(text), "@")
	if !validName(name) {
		return choice{}, fmt.Errorf("%.64q is no policy's name: it has letters, digits, dots, dashes and underscores, at most %d, and begins with a letter or digit",
			name, maxName)
	}
	return choice{name, print}, nil
}

const maxName = 128

// validName keeps names from being paths.
func validName(name string) bool {
	if name == "" || len(name) > maxName || !alphanumeric(name[0]) {
		return false
	}
	for i := range len(name) {
		if !alphanumeric(name[i]) && !strings.ContainsRune("._-", rune(name[i])) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// podName is NAMESPACE/POD/CONTAINER; "" outside of Kubernetes.
func podName(a map[string]string) string {
	for _, keys := range podNames() {
		if a[keys[1]] == "" {
			continue
		}
		name := a[keys[0]] + "/" + a[keys[1]]
		for _, key := range containerNames() {
			if a[key] != "" {
				return name + "/" + a[key]
			}
		}
		return name
	}
	return ""
}
