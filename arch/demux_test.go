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
	wantText(t, c, `connect(0x10000, 0x10000, 0x10000)`)
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
}
