//go:build !embedwhole

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
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
	handover                      string
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

SIGHUP reads the policies again and reopens the files of records; a change in --policies is noticed without. SIGUSR2 executes the program
on disk in this one's place, with all containers (stead agent upgrade says how that went). SIGTERM lets calls under way end, and then
stops; a service manager may keep the containers for the next agent.`,
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
	fs.StringVar(&f.handover, "check-handover", "", "")
	fs.MarkHidden("check-handover") //nolint:errcheck // it is there
	cmd.AddCommand(newAgentPS(), newAgentUpgrade())
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
	if f.handover != "" {
		return f.canGoOn()
	}
	f.options.Logger, f.options.Load, f.options.Families = log, loadForContainers, oci.Families()
	f.options.Program = program(os.Args)
	estate, err := oci.Inherited(log)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	oci.RaiseLimits()
	for signals := make(chan os.Signal, 1); ; {
		signal.Notify(signals, unix.SIGHUP, unix.SIGUSR2)
		if estate, err = f.serve(ctx, estate, signals); estate == nil || err != nil {
			return err
		}
		signal.Ignore(unix.SIGHUP, unix.SIGUSR2) // which would end the next program, until it asks for them
		err := estate.Execute(f.options.Program)
		log.Error("the next program does not start: this one goes on", "error", err)
	}
}

// serve serves what there is until it is over (nil), or another program is to go on with it.
func (f *agentFlags) serve(ctx context.Context, estate *oci.Estate, signals <-chan os.Signal) (*oci.Estate, error) {
	s, err := f.sockets(estate)
	if err != nil {
		return nil, err
	}
	a, err := oci.New(f.options)
	if err != nil {
		return nil, err
	}
	a.Resume(estate)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go attend(ctx, a, signals)
	if err := oci.Notify("READY=1"); err != nil {
		f.options.Logger.Warn("the service manager does not know that the agent is ready", "error", err)
	}
	if err := a.Serve(ctx, s); !errors.Is(err, oci.ErrUpgrade) {
		return nil, err
	}
	return a.Estate(), nil
}

// attend does what signals say.
func attend(ctx context.Context, a *oci.Agent, signals <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			if s == unix.SIGUSR2 {
				a.Upgrade(ctx) //nolint:errcheck // it is in the log
				continue
			}
			a.Reopen()
			a.Reload()
		}
	}
}

// program is what was started, for what lies there now to be executed.
func program(args []string) oci.Program {
	path, err := exec.LookPath(args[0])
	if err != nil && !errors.Is(err, exec.ErrDot) {
		return oci.Program{}
	}
	return oci.Program{Path: path, Args: args}
}

// canGoOn answers the agent that wants to execute this program.
func (f *agentFlags) canGoOn() error {
	if own := oci.HandoverFormat(); f.handover != own {
		return fmt.Errorf("this program goes on with handovers of format %s, not %s: end the agent and start it again", own, f.handover)
	}
	return f.check()
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

// sockets opens those that were named, unless they have been handed over.
func (f *agentFlags) sockets(estate *oci.Estate) (s oci.Sockets, err error) {
	s.Given = estate.Given()
	if s.OCI, err = socket(estate, oci.SocketOCI, f.listen, oci.ListenStates); err != nil {
		return s, err
	}
	if s.LXC, err = socket(estate, oci.SocketLXC, f.lxc, oci.ListenLXC); err != nil {
		return s, err
	}
	if s.OCI == nil && s.LXC == nil {
		return s, errors.New("no socket to serve: name one with --listen or --lxc-listen")
	}
	if f.control == "" {
		f.control = beside(s.OCI, s.LXC)
	}
	control, err := socket(estate, oci.SocketControl, f.control, oci.ListenControl)
	if err != nil {
		return s, err
	}
	s.Control = control
	if s.Metrics, err = estate.Listener(oci.SocketMetrics); s.Metrics == nil && err == nil && f.metrics != "" {
		s.Metrics, err = oci.ListenMetrics(f.metrics, f.public)
	}
	return s, err
}

func socket(estate *oci.Estate, name, path string, listen func(string) (*net.UnixListener, error)) (*net.UnixListener, error) {
	l, err := estate.UnixListener(name)
	if l != nil || err != nil || path == "" {
		return l, err
	}
	return listen(path)
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
