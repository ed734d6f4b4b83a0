package arch

import "testing"

var sampleFlags = Set{Name: "t", Prefix: "T_", Consts: []Const{
	{Name: "T_RD", Value: 0, Mask: 3},
	{Name: "T_WR", Value: 1, Mask: 3},
	{Name: "T_RW", Value: 2, Mask: 3},
	{Name: "T_WIDE", Value: 0x30},
	{Name: "T_PART", Value: 0x10},
	{Name: "T_MOVED", Value: 0x100, PerABI: []ConstABI{{ABIs: 1<<MIPS | 1<<MIPS64, Value: 0x200}, {ABIs: 1 << ARM, Absent: true}}},
}}

func TestAppendFlags(t *testing.T) {
	bits := Set{Prefix: "B_", Zero: "B_NONE", Consts: []Const{{Name: "B_NIL"}, {Name: "B_ONE", Value: 1}}}
	tests := []struct {
		set  *Set
		v    uint64
		abi  ABI
		want string
	}{
		{&sampleFlags, 0, X86_64, "T_RD"},
		{&sampleFlags, 1, X86_64, "T_WR"},
		{&sampleFlags, 0x10, X86_64, "T_RD|T_PART"},
		{&sampleFlags, 0x32, X86_64, "T_RW|T_WIDE"},
		{&sampleFlags, 0x41, X86_64, "T_WR|0x40"},
		{&sampleFlags, 0x43, X86_64, "0x43 /* T_??? */"},
		{&sampleFlags, 0x101, X86_64, "T_WR|T_MOVED"},
		{&sampleFlags, 0x201, X86_64, "T_WR|0x200"},
		{&sampleFlags, 0x201, MIPS64, "T_WR|T_MOVED"},
		{&sampleFlags, 0x101, ARM, "T_WR|0x100"},
		{&bits, 0, X86_64, "B_NONE"},
		{&bits, 1, X86_64, "B_ONE"},
		{&bits, 0x40, X86_64, "0x40 /* B_??? */"},
		{&Set{}, 0, X86_64, "0"},
		{&Set{}, 5, X86_64, "0x5"},
	}
	for _, tt := range tests {
		if got := string(tt.set.AppendFlags([]byte("x="), tt.v, tt.abi)); got != "x="+tt.want {
			t.Errorf("%#x on %v: %s, want x=%s", tt.v, tt.abi, got, tt.want)
		}
	}
}

func TestAppendEnum(t *testing.T) {
	s := Set{Prefix: "E_", Consts: []Const{
		{Name: "E_ZERO"}, {Name: "E_TWO", Value: 2}, {Name: "E_ALIAS", Value: 2}, {Name: "E_MINUS", Value: ^uint64(99)},
	}}
	tests := []struct {
		v    uint64
		want string
	}{
		{0, "E_ZERO"},
		{2, "E_TWO"},
		{7, "0x7 /* E_??? */"},
		{^uint64(99), "E_MINUS"},
		{0xffffff9c, "E_MINUS"},
		{0x1ffffff9c, "0x1ffffff9c /* E_??? */"},
	}
	for _, tt := range tests {
		if got := string(s.AppendEnum(nil, tt.v, X86_64)); got != tt.want {
			t.Errorf("%#x: %s, want %s", tt.v, got, tt.want)
		}
	}
}

func TestSetValue(t *testing.T) {
	if v, ok := sampleFlags.Value("T_MOVED", MIPS); !ok || v != 0x200 {
		t.Errorf("T_MOVED on mips: %#x, %v", v, ok)
	}
	if _, ok := sampleFlags.Value("T_MOVED", ARM); ok {
		t.Error("T_MOVED exists on arm")
	}
	if _, ok := sampleFlags.Value("T_NIX", X86_64); ok {
		t.Error("T_NIX exists")
	}
}

// The values are from the headers of each architecture.
func TestGeneratedConstants(t *testing.T) {
	tests := []struct {
		name string
		abi  ABI
		want uint64
	}{
		{"O_CREAT", X86_64, 0x40}, {"O_CREAT", MIPS, 0x100}, {"O_CREAT", SPARC64, 0x200},
		{"O_DIRECTORY", AArch64, 0x4000}, {"O_DIRECTORY", X86_64, 0x10000},
		{"SOCK_STREAM", X86_64, 1}, {"SOCK_STREAM", MIPSEL64, 2},
		{"SOCK_NONBLOCK", PARISC, 0x40000000}, {"SOL_SOCKET", Alpha, 0xffff},
		{"TCGETS", X86_64, 0x5401}, {"TCGETS", PPC64LE, 0x402c7413},
		{"FS_IOC_GETFLAGS", X86_64, 0x80086601}, {"FS_IOC_GETFLAGS", I386, 0x80046601},
		{"KEY_SPEC_PROCESS_KEYRING", X86_64, ^uint64(1)},
	}
	for _, tt := range tests {
		if got, ok := LookupConst(tt.name, tt.abi); !ok || got != tt.want {
			t.Errorf("%s on %v = %#x, %v, want %#x", tt.name, tt.abi, got, ok, tt.want)
		}
	}
	if _, ok := LookupConst("F_SETLK64", AArch64); ok {
		t.Error("F_SETLK64 exists on aarch64")
	}
	if _, ok := LookupConst("NIX", X86_64); ok {
		t.Error("NIX exists")
	}
}

func TestTablesAreSorted(t *testing.T) {
	for i, s := range setTable {
		if LookupSet(s.Name) != s {
			t.Errorf("set %d, %s, is not found", i, s.Name)
		}
	}
	if LookupSet("nix") != nil || LookupSet("") != nil || LookupSet("~") != nil {
		t.Error("a set that is not there is found")
	}
	for i := range constTable {
		if name := constTable[i].constant().Name; i > 0 && constTable[i-1].constant().Name >= name {
			t.Errorf("constant %s is out of order", name)
		}
	}
}

func TestSetsDoNotAllocate(t *testing.T) {
	open, b := LookupSet("open"), make([]byte, 0, 256)
	if open == nil {
		t.Fatal("no set open")
	}
	n := testing.AllocsPerRun(100, func() {
		b = open.AppendFlags(b[:0], 0x80041, AArch64)
		b = open.AppendEnum(b[:0], 12345, MIPS)
		LookupConst("O_CREAT", X86_64)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestErrno(t *testing.T) {
	tests := []struct {
		abi  ABI
		name string
		want int
	}{
		{X86_64, "EPERM", 1}, {X86_64, "EAGAIN", 11}, {Alpha, "EAGAIN", 35}, {MIPS, "EDQUOT", 1133}, {SPARC, "ENOSYS", 90},
		{X86_64, "ERESTARTSYS", 512}, {PARISC64, "ENOTEMPTY", 247},
	}
	for _, tt := range tests {
		if n, ok := tt.abi.Errno(tt.name); !ok || n != tt.want {
			t.Errorf("%s on %v = %d, %v, want %d", tt.name, tt.abi, n, ok, tt.want)
		}
		if name := tt.abi.ErrnoName(tt.want); name != tt.name {
			t.Errorf("%d on %v is %s, want %s", tt.want, tt.abi, name, tt.name)
		}
	}
	if n, ok := X86_64.Errno("ENOTSUP"); !ok || n != 95 {
		t.Errorf("ENOTSUP = %d, %v", n, ok)
	}
	if _, ok := X86_64.Errno("EINIT"); ok {
		t.Error("EINIT, which only MIPS and parisc have, exists on x86_64")
	}
	if name := X86_64.ErrnoName(0) + X86_64.ErrnoName(-1) + X86_64.ErrnoName(4095); name != "" {
		t.Errorf("what is no error has the name %s", name)
	}
}
