package arch

import (
	"encoding/base64"
	"unicode/utf8"
)

// appendQuoted appends b in double quotes as C writes it: what is not printable ASCII in octal, as short as the next byte
// allows. It is what strace prints.
func appendQuoted(dst, b []byte) []byte {
	dst = append(dst, '"')
	for i, c := range b {
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c >= ' ' && c < 0x7f:
			dst = append(dst, c)
		case c >= '\t' && c <= '\r':
			dst = append(dst, '\\', "tnvfr"[c-'\t'])
		default:
			dst = appendOctal(dst, c, i+1 < len(b) && b[i+1] >= '0' && b[i+1] <= '7')
		}
	}
	return append(dst, '"')
}

// appendOctal appends an octal escape; a digit that follows needs all three digits.
func appendOctal(dst []byte, c byte, full bool) []byte {
	dst = append(dst, '\\')
	if full || c >= 0o100 {
		dst = append(dst, '0'+c>>6)
	}
	if full || c >= 0o10 {
		dst = append(dst, '0'+c>>3&7)
	}
	return append(dst, '0'+c&7)
}

const hexDigits = "0123456789abcdef"

// appendHexQuoted appends b in double quotes, every byte as \x and two digits.
func appendHexQuoted(dst, b []byte) []byte {
	dst = append(dst, '"')
	for _, c := range b {
		dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
	}
	return append(dst, '"')
}

// AppendJSONString appends s as a JSON string in the form that docs/json.md gives strings of records.
func AppendJSONString(b []byte, s string) []byte { return appendJSONString(b, s) }

// appendJSONString appends s as a JSON string. s must be UTF-8.
func appendJSONString[T string | []byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	plain := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' && c != 0x7f {
			continue
		}
		dst = appendJSONEscape(append(dst, s[plain:i]...), c)
		plain = i + 1
	}
	return append(append(dst, s[plain:]...), '"')
}

func appendJSONEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, `\n`...)
	case '\t':
		return append(dst, `\t`...)
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// appendJSONBytes appends b so that it can be had back: as a string if it is UTF-8, else as an object with its base64.
func appendJSONBytes(dst, b []byte) []byte {
	if utf8.Valid(b) {
		return appendJSONString(dst, b)
	}
	dst = append(dst, `{"bytes":"`...)
	dst = base64.StdEncoding.AppendEncode(dst, b)
	return append(dst, `"}`...)
}
