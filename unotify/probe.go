package unotify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ProbeOptions are the options of Probe.
type ProbeOptions struct {
	// Path is a program whose main function begins with ProbeChildMain; "" is the running program, which must then do so.
	Path string
}

// errProbeChild says that the child did not behave as ProbeChildMain makes it.
var errProbeChild = errors.New("probe child does not answer; does the program's main begin with unotify.ProbeChildMain?")

// probeTimeout is how long one answer of the child may take.
const probeTimeout = time.Second

// Probe finds out what works here by doing it in a throw-away child, in a few hundredths of a second. It changes nothing for the
// calling process. An error means that the child could not be had; the features that take none are answered all the same.
func Probe(ctx context.Context, o ProbeOptions) (Features, error) {
	f := newFeatures()
	defer f.finish()
	if os.Getenv(probeEnv) != "" {
		return f, fmt.Errorf("probe: %w", errProbeChild)
	}
	if o.Path == "" {
		o.Path = "/proc/self/exe"
	}
	probeLocal(&f)
	probeUserNamespaces(ctx, &f, o.Path)
	p, err := startProbe(ctx, o.Path)
	if err != nil {
		return f, fmt.Errorf("probe: %w", err)
	}
	defer p.end()
	p.f = &f
	if err := p.run(); err != nil {
		return f, fmt.Errorf("probe: %w", errors.Join(err, ctx.Err()))
	}
	return f, nil
}

func probeCommand(ctx context.Context, path, mode string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path)
	cmd.Args = []string{probeArg0}
	cmd.Env = []string{probeEnv + "=" + mode}
	return cmd
}

// probeUserNamespaces makes one, and in it a mount namespace, which takes the capabilities that some systems withhold.
func probeUserNamespaces(ctx context.Context, f *Features, path string) {
	cmd := probeCommand(ctx, path, "exit")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWUSER | unix.CLONE_NEWNS}
	err := cmd.Run()
	var errno unix.Errno
	if errors.As(err, &errno) && slices.Contains(namespaceRefusals(), errno) || err == nil {
		f.decide(FeatureUserNamespaces, err)
		return
	}
	f.set(FeatureUserNamespaces, Unknown, err.Error(), err)
}

// namespaceRefusals are the errnos of clone(2) for namespaces that may not be made: by privilege, by limit, by the kernel.
func namespaceRefusals() []unix.Errno {
	return []unix.Errno{unix.EPERM, unix.EACCES, unix.ENOSPC, unix.EUSERS, unix.EINVAL, unix.ENOSYS}
}

// A prober talks to the child.
type prober struct {
	f        *Features
	cmd      *exec.Cmd
	socket   int
	hello    probeReply
	worker   int       // the thread that makes notified calls
	listener *Listener // its listener, or nil
}

func startProbe(ctx context.Context, path string) (*prober, error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("create socket pair: %w", err)
	}
	theirs := os.NewFile(uintptr(pair[1]), "probe")
	defer theirs.Close()
	p := &prober{cmd: probeCommand(ctx, path, "child"), socket: pair[0]}
	p.cmd.ExtraFiles = []*os.File{theirs} // descriptor 3, probeSocket
	if err := p.cmd.Start(); err != nil {
		unix.Close(pair[0])
		return nil, fmt.Errorf("start probe child: %w", err)
	}
	theirs.Close()
	timeout := unix.NsecToTimeval(int64(probeTimeout))
	unix.SetsockoptTimeval(p.socket, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout) //nolint:errcheck // then ctx is the limit
	if p.hello, err = p.reply(); err != nil {
		p.end()
		return nil, err
	}
	return p, nil
}

func (p *prober) end() {
	p.dropListener()
	unix.Close(p.socket)
	p.cmd.Process.Kill() //nolint:errcheck // it may have ended
	p.cmd.Wait()         //nolint:errcheck // it was killed
}

func (p *prober) dropListener() {
	if p.listener != nil {
		p.listener.Close() //nolint:errcheck // nothing is left to do with it
		p.listener = nil
	}
}

func (p *prober) ask(op string, flags uint) error {
	b, err := json.Marshal(probeRequest{Op: op, Flags: flags})
	if err != nil {
		return err
	}
	if err := unix.Sendmsg(p.socket, b, nil, nil, unix.MSG_NOSIGNAL); err != nil {
		return fmt.Errorf("ask: %w", errors.Join(errProbeChild, err))
	}
	return nil
}

func (p *prober) reply() (probeReply, error) {
	var r probeReply
	b, oob := make([]byte, 1024), make([]byte, unix.CmsgSpace(4))
	n, oobn, err := p.recvmsg(b, oob)
	if err != nil || n == 0 || json.Unmarshal(b[:n], &r) != nil {
		return r, errors.Join(errProbeChild, err)
	}
	return r, p.takeListener(oob[:oobn])
}

func (p *prober) recvmsg(b, oob []byte) (int, int, error) {
	for {
		n, oobn, _, _, err := unix.Recvmsg(p.socket, b, oob, unix.MSG_CMSG_CLOEXEC)
		if !errors.Is(err, unix.EINTR) {
			return n, oobn, err
		}
	}
}

func (p *prober) takeListener(oob []byte) error {
	if len(oob) == 0 {
		return nil
	}
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		return err
	}
	p.listener, err = FromFD(fds[0])
	return err
}

// request is for operations that need nothing done meanwhile.
func (p *prober) request(op string, flags uint) (probeReply, error) {
	if err := p.ask(op, flags); err != nil {
		return probeReply{}, err
	}
	return p.reply()
}

// install gives the child's worker a filter. The errno is the kernel's answer; an error means that the child is lost.
func (p *prober) install(flags uint) (unix.Errno, error) {
	p.dropListener()
	r, err := p.request("install", flags)
	p.worker = r.TID
	if err == nil && !r.NoNewPrivs {
		p.f.set(FeatureNoNewPrivs, No, "prctl(PR_SET_NO_NEW_PRIVS) has no effect", nil)
	} else if err == nil {
		p.f.decide(FeatureNoNewPrivs, nil)
	}
	return r.Errno, err
}

// notified has the child make the call, hands its notification to answer, and returns what the call gave.
func (p *prober) notified(answer func(Notification) error) (probeReply, error) {
	if err := p.ask("call", 0); err != nil {
		return probeReply{}, err
	}
	n, err := p.receive()
	if err == nil {
		err = answer(n)
	}
	if err != nil {
		return probeReply{}, errors.Join(err, p.abandon(n.ID))
	}
	return p.reply()
}

// abandon lets the child's call end somehow, also if it comes a second time because a signal restarted it, and takes the reply.
func (p *prober) abandon(id uint64) error {
	deny := Response{Errno: unix.EPERM}
	p.listener.Respond(id, deny) //nolint:errcheck // the call may be over
	fds := []unix.PollFd{{Fd: int32(p.socket), Events: unix.POLLIN}, {Fd: int32(p.listener.FD()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(probeTimeout); time.Now().Before(deadline); {
		if _, err := unix.Poll(fds, 10); err != nil && !errors.Is(err, unix.EINTR) {
			return err
		}
		if fds[0].Revents != 0 {
			_, err := p.reply()
			return err
		}
		if fds[1].Revents&unix.POLLIN != 0 {
			n, err := p.receive()
			if err == nil {
				p.listener.Respond(n.ID, deny) //nolint:errcheck // then it comes again
			}
		}
	}
	return errProbeChild
}

// receive waits in poll(2), which ends after a while.
func (p *prober) receive() (Notification, error) {
	var n Notification
	fds := []unix.PollFd{{Fd: int32(p.listener.FD()), Events: unix.POLLIN}}
	for deadline := time.Now().Add(probeTimeout); time.Now().Before(deadline); {
		ready, err := unix.Poll(fds, int(time.Until(deadline).Milliseconds())+1)
		if errors.Is(err, unix.EINTR) || (err == nil && ready == 0) {
			continue
		}
		if err != nil {
			return n, err
		}
		errno := receive(p.listener.FD(), &n, receiveBuffer(p.listener))
		if errno == 0 {
			return n, nil
		}
		if errno != unix.ENOENT && errno != unix.EINTR {
			return n, opError("receive", 0, errno)
		}
	}
	return n, errors.New("no notification arrives")
}
