//go:build !embedpolicy

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/stead-project/stead/integration/oci"
)

// agentFlags are the flags of stead agent.
type agentFlags struct {
	listen, lxc, control, metrics string
	public                        bool
	options                       oci.Options
}

func newAgent(g *globals) *cobra.Command {
	f := &agentFlags{}
	cmd := &cobra.Command{
		Use:   "agent --policies DIR [--listen SOCKET] [flags]",
		Short: "Supervise the containers that runc, crun, containerd, podman and LXC hand over",
		Long: `Supervise containers. A runtime connects to --listen (listenerPath in its seccomp profile) with the listener of every container that it
starts; LXC's monitors connect to --lxc-listen. The profile's listenerMetadata, or an annotation, names the policy: a file NAME.yaml in
--policies. See docs/agent.md.

SIGHUP reads the policies again and reopens the files of records; a change in --policies is noticed without. SIGTERM lets calls under
way end, and then stops.`,
		Example: `  stead agent --listen /run/stead/agent.sock --policies /etc/stead/policies --records /var/log/stead/
  stead agent ps`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return f.run(g) },
	}
	fs := cmd.Flags()
	fs.StringVar(&f.listen, "listen", "", "socket for container runtimes (listenerPath)")
	fs.StringVar(&f.lxc, "lxc-listen", "", "socket for LXC (lxc.seccomp.notify.proxy = unix:SOCKET)")
	fs.StringVar(&f.control, "control", "", "socket for stead agent ps; default: control.sock beside the first of the others")
	fs.StringVar(&f.metrics, "metrics", "", "serve /metrics and /healthz on HOST:PORT, of the loopback interface, or unix:PATH")
	fs.BoolVar(&f.public, "metrics-public", false, "let --metrics be an address that other machines can reach")
	o := &f.options
	fs.StringVar(&o.Policies, "policies", "", "directory of policies: NAME is the file NAME.yaml")
	fs.StringVar(&o.Default, "default", "", "policy of containers that name none; without one their calls are denied")
	fs.BoolVar(&o.NoAnnotations, "no-annotations", false, "let nothing but listenerMetadata name policies")
	fs.StringVar(&o.Records, "records", "", "append records of calls to a file, or to a file for each container in a directory")
	fs.Int64Var(&o.RecordsLimit, "records-limit", 1<<30, "bytes that one container may record")
	fs.IntVar(&o.MaxListeners, "max-listeners", 4096, "containers and execs supervised at once")
	fs.DurationVar(&o.Grace, "grace", 10*time.Second, "for calls under way when the agent is stopped")
	cmd.AddCommand(newAgentPS())
	return cmd
}

func (f *agentFlags) run(g *globals) error {
	log, err := g.logger()
	if err != nil {
		return err
	}
	if err := f.check(); err != nil {
		return err
	}
	s, err := f.sockets()
	if err != nil {
		return err
	}
	f.options.Logger, f.options.Load, f.options.Families = log, loadForContainers, oci.Families()
	a, err := oci.New(f.options)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	reload := make(chan os.Signal, 1)
	signal.Notify(reload, unix.SIGHUP)
	go func() {
		for range reload {
			a.Reopen()
			a.Reload()
		}
	}()
	oci.RaiseLimits()
	if err := oci.Notify("READY=1"); err != nil {
		log.Warn("the service manager does not know that the agent is ready", "error", err)
	}
	return a.Serve(ctx, s)
}

func (f *agentFlags) check() error {
	if f.options.Policies == "" {
		return errors.New("name the directory of policies with --policies")
	}
	if info, err := os.Stat(f.options.Policies); err != nil || !info.IsDir() {
		return fmt.Errorf("--policies %s: it is no directory that can be read (%v)", f.options.Policies, err)
	}
	return nil
}

// Names of sockets that a service manager hands over.
const (
	activatedOCI     = "agent"
	activatedLXC     = "lxc"
	activatedControl = "control"
)

// sockets opens those that were named, unless they have been handed over.
func (f *agentFlags) sockets() (s oci.Sockets, err error) {
	given, err := oci.Activated()
	if err != nil {
		return s, err
	}
	if s.OCI, err = socket(given[activatedOCI], f.listen, oci.ListenStates); err != nil {
		return s, err
	}
	if s.LXC, err = socket(given[activatedLXC], f.lxc, oci.ListenLXC); err != nil {
		return s, err
	}
	if s.OCI == nil && s.LXC == nil {
		return s, errors.New("no socket to serve: name one with --listen or --lxc-listen")
	}
	if f.control == "" {
		f.control = beside(s.OCI, s.LXC)
	}
	control, err := socket(given[activatedControl], f.control, oci.ListenControl)
	if err != nil {
		return s, err
	}
	s.Control = control
	if f.metrics != "" {
		s.Metrics, err = oci.ListenMetrics(f.metrics, f.public)
	}
	return s, err
}

func socket(given *os.File, path string, listen func(string) (*net.UnixListener, error)) (*net.UnixListener, error) {
	switch {
	case given != nil:
		return oci.UnixListener(given)
	case path != "":
		return listen(path)
	}
	return nil, nil
}

// beside is where the control socket is, if nobody says it.
func beside(list ...*net.UnixListener) string {
	for _, l := range list {
		if l != nil {
			return filepath.Join(filepath.Dir(l.Addr().String()), "control.sock")
		}
	}
	return ""
}
