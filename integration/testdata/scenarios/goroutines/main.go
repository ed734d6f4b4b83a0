// Goroutines starts many of them, each of which works on files and sockets of its own.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
)

const workers = 50

func main() {
	dir, err := os.MkdirTemp("", "goroutines")
	check(err)
	defer os.RemoveAll(dir)
	listener, err := net.Listen("unix", filepath.Join(dir, "socket"))
	check(err)
	go serve(listener)
	var all sync.WaitGroup
	for i := range workers {
		all.Go(func() { work(dir, i) })
	}
	all.Wait()
	fmt.Println(workers)
}

func serve(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			io.Copy(c, c)
		}()
	}
}

func work(dir string, i int) {
	path := filepath.Join(dir, fmt.Sprintf("file.%d", i))
	for range 20 {
		check(os.WriteFile(path, []byte("some text"), 0o600))
		_, err := os.Stat(path)
		check(err)
		check(os.Rename(path, path+".new"))
		check(os.Remove(path + ".new"))
	}
	c, err := net.Dial("unix", filepath.Join(dir, "socket"))
	check(err)
	defer c.Close()
	_, err = c.Write([]byte("hello"))
	check(err)
	_, err = io.ReadFull(c, make([]byte, 5))
	check(err)
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
