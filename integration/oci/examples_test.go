package oci

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

// TestKubernetes: the manifests are YAML, their policies compile, and the profile that the pod names is one that the agent writes.
func TestKubernetes(t *testing.T) {
	text, err := os.ReadFile("../kubernetes/agent.yaml")
	if err != nil {
		t.Fatal(err)
	}
	policies := 0
	for _, part := range strings.Split(string(text), "\n---\n") {
		var doc struct {
			Kind string
			Data map[string]string
		}
		if err := yaml.Unmarshal([]byte(part), &doc); err != nil || doc.Kind == "" {
			t.Fatalf("%v: %s", err, part)
		}
		for name, policy := range doc.Data {
			policies++
			file := filepath.Join(t.TempDir(), name)
			if err := os.WriteFile(file, []byte(policy), 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := loadTest(file); err != nil {
				t.Error(err)
			}
		}
	}
	pod, err := os.ReadFile("../kubernetes/pod.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var doc any
	if err := yaml.Unmarshal(pod, &doc); err != nil {
		t.Error(err)
	}
	if policies != 1 || !strings.Contains(string(pod), "localhostProfile: stead/web.json") || !strings.Contains(string(text), `/stead/$name.json`) {
		t.Errorf("%d policies", policies)
	}
}

// TestUnits: what the units say is what the agent looks for.
func TestUnits(t *testing.T) {
	for file, want := range map[string][]string{
		"stead-agent.service":    {"--listen /run/stead/agent.sock", "--control /run/stead/control.sock", "Type=notify"},
		"stead-agent.socket":     {"FileDescriptorName=agent\n", "ListenStream=/run/stead/agent.sock"},
		"stead-agent-lxc.socket": {"FileDescriptorName=lxc\n", "ListenSequentialPacket="},
	} {
		text, err := os.ReadFile("../systemd/" + file)
		if err != nil {
			t.Fatal(err)
		}
		for _, w := range want {
			if !strings.Contains(string(text), w) {
				t.Errorf("%s: no %q", file, w)
			}
		}
	}
}
