package arch

import "testing"

func TestSocketcall(t *testing.T) {
	addr := le(uint16(2), "\x00\x50\x7f\x00\x00\x01", uint64(0))
	mem := memory(map[uint64][]byte{
		at:        le(uint32(3), uint32(at+page), uint32(16)),
		at + page: addr,
	})
	c := decode(t, I386, "socketcall", mem, 3, at)
	wantText(t, c, `connect(3, {sa_family=AF_INET, sin_port=htons(80), sin_addr=inet_addr("127.0.0.1")}, 16)`)
	if c.Mux.Name() != "socketcall" || c.ID.Name() != "connect" {
		t.Errorf("mux %q, id %q", c.Mux, c.ID)
	}
	if c.Raw.Args[0] != 3 || c.Raw.Args[1] != at {
		t.Error("Raw is not the multiplexer's registers")
	}
}

func TestSocketcallOfBigEndian64(t *testing.T) {
	mem := memory(map[uint64][]byte{at: be(uint64(1), uint64(1), uint64(0))})
	c := decode(t, S390X, "socketcall", mem, 1, at)
	wantText(t, c, `socket(AF_UNIX, SOCK_STREAM, 0)`)
}

func TestSocketcallUnreadable(t *testing.T) {
	mem := memory(map[uint64][]byte{at: le(uint32(3), uint32(at+page))})
	c := decode(t, I386, "socketcall", mem, 3, at)
	if c.Name != "connect" || c.Args[1].State != Unreadable {
		t.Errorf("%s, state %d", c, c.Args[1].State)
	}
	wantText(t, c, `socketcall(SYS_CONNECT, 0x10000)`)
}

func TestSocketcallUnknown(t *testing.T) {
	for _, n := range []uint64{0, 21, 1 << 31, 1<<32 - 1} {
		if c := decode(t, I386, "socketcall", memory(nil), n, at); c.Name != "socketcall" || c.Mux != 0 {
			t.Errorf("%d became %s", n, c)
		}
	}
}

func TestSocketCallTableIsDescribed(t *testing.T) {
	for n, m := range socketCalls {
		if m.name == "" {
			continue
		}
		id, ok := LookupID(m.name)
		if !ok {
			t.Errorf("%d: no call %s", n, m.name)
			continue
		}
		if sig := I386.Signature(id); sig == nil || len(sig.Params) != len(m.args) {
			t.Errorf("%s does not have %d parameters", m.name, len(m.args))
		}
	}
}

func TestIPC(t *testing.T) {
	const (
		first, second, third, ptr, fifth = 11, 12, 13, 0x5000, 0x6000
		version1                         = 1 << 16
	)
	pieces := map[uint64][]byte{ptr: le(uint32(0x7000), uint32(77))}
	tests := []struct {
		call uint64
		name string
		want [6]uint64 // of the real call
		n    int
	}{
		{1, "semop", [6]uint64{first, ptr, second}, 3},
		{2, "semget", [6]uint64{first, second, third}, 3},
		{3, "semctl", [6]uint64{first, second, third, 0x7000}, 4},
		{4, "semtimedop", [6]uint64{first, ptr, second, fifth}, 4},
		{11, "msgsnd", [6]uint64{first, ptr, second, third}, 4},
		{12, "msgrcv", [6]uint64{first, 0x7000, second, 77, third}, 5},
		{12 | version1, "msgrcv", [6]uint64{first, ptr, second, fifth, third}, 5},
		{13, "msgget", [6]uint64{first, second}, 2},
		{14, "msgctl", [6]uint64{first, second, ptr}, 3},
		{21, "shmat", [6]uint64{first, ptr, second}, 3},
		{22, "shmdt", [6]uint64{ptr}, 1},
		{23, "shmget", [6]uint64{first, second, third}, 3},
		{24, "shmctl", [6]uint64{first, second, ptr}, 3},
	}
	for _, tt := range tests {
		args := [6]uint64{tt.call, first, second, third, ptr, fifth}
		var d Decoder
		var c Call
		d.begin(&c, Data{ABI: I386, Nr: num(t, I386, "ipc")}, memory(pieces))
		if !d.demux(&args) || c.Name != tt.name || args != tt.want {
			t.Errorf("%s (%#x): %s%v, want %v", tt.name, tt.call, c.Name, args, tt.want)
		}
		if c.Sig == nil || len(c.Sig.Params) != tt.n {
			t.Errorf("%s: signature %v", tt.name, c.Sig)
		}
	}
}

// s390 has five arguments: the third is msgrcv's type and semtimedop's time-out too.
func TestIPCOfS390(t *testing.T) {
	args := [6]uint64{4, 11, 12, 0x9000, 0x5000, 0xbad}
	var d Decoder
	var c Call
	d.begin(&c, Data{ABI: S390, Nr: num(t, S390, "ipc")}, memory(nil))
	if !d.demux(&args) || args != [6]uint64{11, 0x5000, 12, 0x9000} {
		t.Errorf("%s%v", c.Name, args)
	}
}

func TestIPCUnreadable(t *testing.T) {
	c := decode(t, I386, "ipc", memory(nil), 12, 1, 2, 3, 0x5000, 6)
	if c.Name != "msgrcv" || len(c.Args) != 5 || c.Args[3].State != Unreadable {
		t.Errorf("got %s", c)
	}
	wantText(t, decode(t, I386, "ipc", memory(nil), 3, 1, 2, 0, 0), "semctl(1, 2, IPC_RMID, NULL)")
	wantText(t, decode(t, I386, "ipc", memory(nil), 3, 1, 2, 0, 0x5000), "semctl(1, 2, IPC_RMID, 0x5000)")
}

// Without IPC_64 ipc's structs are the old ones; where the calls have numbers of their own they never are.
func TestControlOfIPC(t *testing.T) {
	set := le(uint32(0), uint32(7), uint32(8), uint32(0), uint32(0), uint32(0o600), make([]byte, 64))
	mem := memory(map[uint64][]byte{at: set, 0x5000: le(uint32(at))})
	wantText(t, decode(t, I386, "msgctl", mem, 1, 1, at), "msgctl(1, IPC_SET, {msg_perm={uid=7, gid=8, mode=0600}, msg_qbytes=0})")
	wantText(t, decode(t, I386, "ipc", mem, 14, 1, 1, 0, at), "msgctl(1, IPC_SET, 0x10000)")
	wantText(t, decode(t, I386, "ipc", mem, 14, 1, 0x101, 0, at),
		"msgctl(1, IPC_64|IPC_SET, {msg_perm={uid=7, gid=8, mode=0600}, msg_qbytes=0})")
	wantText(t, decode(t, I386, "ipc", mem, 3, 1, 2, 1, 0x5000), "semctl(1, 2, IPC_SET, [0x10000])")
}

// The old mmap and select have their arguments in memory.
func TestArgumentsInMemory(t *testing.T) {
	six := le(uint32(0), uint32(4096), uint32(1), uint32(0x22), int32(-1), uint32(0x1000))
	const text = "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x1000)"
	c := decode(t, I386, "mmap", memory(map[uint64][]byte{at: six}), at)
	wantText(t, c, text)
	if c.Raw.Args[0] != at || c.Mux != 0 {
		t.Errorf("registers %v, mux %s", c.Raw.Args, c.Mux)
	}
	wide := be(uint64(0), uint64(4096), uint64(1), uint64(0x22), int64(-1), uint64(0x1000))
	wantText(t, decode(t, S390X, "mmap", memory(map[uint64][]byte{at: wide}), at), text)
	wantText(t, decode(t, I386, "mmap", memory(nil), at), "mmap(0x10000)")
	none := le(uint32(0), uint32(0), uint32(0), uint32(0), uint32(0))
	wantText(t, decode(t, I386, "select", memory(map[uint64][]byte{at: none}), at), "select(0, NULL, NULL, NULL, NULL)")
	wantText(t, decode(t, PPC, "select", memory(map[uint64][]byte{at: none}), at), "select(0, NULL, NULL, NULL, NULL)")
	wantText(t, decode(t, PPC, "select", memory(nil), 4095), "select(4095, NULL, NULL, NULL, NULL)")
	wantText(t, decode(t, X86_64, "mmap", memory(nil), 0, 4096, 1, 0x22, 1<<64-1), "mmap(NULL, 4096, PROT_READ, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0)")
}

func TestJoinedOffsets(t *testing.T) {
	wantText(t, decode(t, I386, "_llseek", memory(nil), 3, 1, 2, 0x1000, 0), "_llseek(3, 4294967298, 0x1000, SEEK_SET)")
	wantText(t, decode(t, PPC64, "_llseek", memory(nil), 3, 1<<32-1, 1<<32-2, 0x1000, 2), "_llseek(3, -2, 0x1000, SEEK_END)")
	c := decode(t, I386, "mmap2", memory(nil), 0, 4096, 1, 1, 3, 0x80000000)
	wantText(t, c, "mmap2(NULL, 4096, PROT_READ, MAP_SHARED, 3, 0x80000000000)")
	if c.Raw.Args[5] != 0x80000000 {
		t.Errorf("register %#x", c.Raw.Args[5])
	}
}
