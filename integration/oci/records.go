package oci

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
)

// Records are where containers' records go: a directory with a file for each, or one file. In both, every line begins with the
// container's id.
type records struct {
	dir   string
	limit int64

	mu    sync.Mutex
	one   *os.File // instead of dir
	path  string
	files map[*recordFile]struct{}
}

// openRecords opens what --records names; "" records nothing. A directory is what is one, or ends with a slash.
func openRecords(path string, limit int64) (*records, error) {
	if path == "" {
		return nil, nil
	}
	r := &records{limit: limit, files: map[*recordFile]struct{}{}}
	info, err := os.Stat(path)
	if strings.HasSuffix(path, "/") || err == nil && info.IsDir() {
		r.dir = path
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("make the directory of records: %w", err)
		}
		return r, nil
	}
	r.path = path
	if r.one, err = openAppend(path); err != nil {
		return nil, err
	}
	return r, nil
}

func openAppend(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of records: %w", err)
	}
	return f, nil
}

// sink makes a container's sink; closing it closes its file.
func (r *records) sink(id string) (audit.Sink, error) {
	if r == nil {
		return audit.Discard{}, nil
	}
	f := &recordFile{r: r, left: r.limit}
	f.head = append(arch.AppendJSONString([]byte(`{"container":`), id), ',')
	if r.dir != "" {
		f.path = filepath.Join(r.dir, fileName(id))
		file, err := openAppend(f.path)
		if err != nil {
			return nil, err
		}
		f.file = file
	}
	r.mu.Lock()
	r.files[f] = struct{}{}
	r.mu.Unlock()
	return &recordSink{audit.NewJSON(f, audit.JSONOptions{Buffered: true}), f}, nil
}

// reopen opens the files by their names again, for programs that move them away (logrotate(8)).
func (r *records) reopen() error {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	var errs []error
	if r.dir == "" {
		errs = append(errs, replace(&r.one, r.path))
	}
	files := slices.Collect(maps.Keys(r.files))
	r.mu.Unlock() // a file takes its own lock before this one
	for _, f := range files {
		errs = append(errs, f.reopen())
	}
	return errors.Join(errs...)
}

func replace(file **os.File, path string) error {
	f, err := openAppend(path)
	if err != nil {
		return err
	}
	(*file).Close() //nolint:errcheck // what was written was reported
	*file = f
	return nil
}

func (r *records) close() error {
	if r == nil || r.one == nil {
		return nil
	}
	return r.one.Close()
}

// write appends to the file that all have.
func (r *records) write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.one.Write(p)
}

// fileName is a container's; an id that is no file name is replaced by what is left of it and a hash.
func fileName(id string) string {
	const longest = 200
	clean := strings.Map(func(c rune) rune {
		if c < 128 && (alphanumeric(byte(c)) || strings.ContainsRune("._-", c)) {
			return c
		}
		return '_'
	}, id)
	if clean == id && len(id) <= longest && id[0] != '.' {
		return id + ".jsonl"
	}
	sum := sha256.Sum256([]byte(id))
	return "_" + clean[:min(len(clean), longest)] + "-" + hex.EncodeToString(sum[:8]) + ".jsonl"
}

// A recordFile writes one container's lines.
type recordFile struct {
	r    *records
	path string
	head []byte // of every line, up to its first key

	mu    sync.Mutex
	file  *os.File // nil: the file that all have
	left  int64    // bytes that the container may still write
	lines []byte
}

// errFull says that a container has used up its room.
var errFull = errors.New("the container's records have reached their limit (--records-limit)")

// Write implements io.Writer. It gets whole lines, each an object, and takes those that there is room for.
func (f *recordFile) Write(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lines = f.lines[:0]
	taken := 0
	for line := range bytes.Lines(p) {
		size := len(f.head) + len(line) - 1
		if int64(size) > f.left {
			f.left = 0 // nor anything after it: a gap would not be seen
			break
		}
		f.left -= int64(size)
		f.lines = append(append(f.lines, f.head...), line[1:]...)
		taken += len(line)
	}
	if _, err := f.out().Write(f.lines); err != nil {
		return 0, err
	}
	if taken < len(p) {
		return taken, errFull
	}
	return taken, nil
}

func (f *recordFile) out() io.Writer {
	if f.file != nil {
		return f.file
	}
	return writerFunc(f.r.write)
}

type writerFunc func([]byte) (int, error)

// Write implements io.Writer.
func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

func (f *recordFile) reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.left = f.r.limit
	if f.file == nil {
		return nil
	}
	return replace(&f.file, f.path)
}

func (f *recordFile) close() error {
	f.r.mu.Lock()
	delete(f.r.files, f)
	f.r.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.file == nil {
		return nil
	}
	return f.file.Close()
}

// A recordSink closes its file after itself.
type recordSink struct {
	audit.Sink
	file *recordFile
}

// Close implements audit.Sink.
func (s *recordSink) Close() error { return errors.Join(s.Sink.Close(), s.file.close()) }
