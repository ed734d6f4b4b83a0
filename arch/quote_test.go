package arch

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"testing"
)

// The right column is what strace prints.
func TestQuote(t *testing.T) {
	tests := []struct{ in, want string }{
		{"", `""`},
		{"plain /path", `"plain /path"`},
		{"\"\\", `"\"\\"`},
		{"\n\t\v\f\r", `"\n\t\v\f\r"`},
		{"\x01\x7f\xff", `"\1\177\377"`},
		{"a\x011\x019\x01a\a\x1b", `"a\0011\19\1a\7\33"`},
		{"\x00\x00\x000", `"\0\0\0000"`},
	}
	for _, tt := range tests {
		if got := string(appendQuoted(nil, []byte(tt.in))); got != tt.want {
			t.Errorf("%q: got %s, want %s", tt.in, got, tt.want)
		}
	}
}

// Every byte string survives the way through JSON.
func TestJSONBytesRoundTrip(t *testing.T) {
	for n := range 1 << 16 {
		in := []byte{'x', byte(n), byte(n >> 8)}
		if back := fromJSON(t, appendJSONBytes(nil, in)); !bytes.Equal(back, in) {
			t.Fatalf("%q came back as %q", in, back)
		}
	}
}

func fromJSON(t *testing.T, b []byte) []byte {
	t.Helper()
	var s string
	if json.Unmarshal(b, &s) == nil {
		return []byte(s)
	}
	var o struct{ Bytes string }
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatalf("%s: %v", b, err)
	}
	out, err := base64.StdEncoding.DecodeString(o.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return out
}
