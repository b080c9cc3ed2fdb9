// The handler of compare_server on Go's net/http: go_server [-port P]
// With -raw: the least an HTTP server can be, a goroutine per connection, as in raw_hello.
package main

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func ownCPUTime() time.Duration {
	const rusageThread = 1
	var usage syscall.Rusage
	syscall.Getrusage(rusageThread, &usage)
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

var sink uint64

// For so much CPU time, however long that takes.
func compute(left time.Duration) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for until := ownCPUTime() + left; ownCPUTime() < until; {
		hash := uint64(1)
		for i := uint64(0); i < 10000; i++ {
			hash = (hash ^ i) * 0x100000001B3
		}
		sink = hash
	}
}

func answer(response http.ResponseWriter, request *http.Request) {
	slash := strings.LastIndexByte(request.URL.Path, '/')
	amount, _ := strconv.Atoi(request.URL.Path[slash+1:])
	switch request.URL.Path[:slash] {
	case "/io":
		time.Sleep(time.Duration(amount) * time.Millisecond)
	case "/cpu", "/offload":
		compute(time.Duration(amount) * time.Microsecond)
	}
	response.Header().Set("Content-Type", "text/plain")
	response.Write([]byte("Hello, World!"))
}

// Requests without a body, one at a time.
func serveRaw(listener net.Listener) {
	hello := []byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!")
	for {
		connection, err := listener.Accept()
		if err != nil {
			panic(err)
		}
		go func() {
			defer connection.Close()
			buffer := make([]byte, 2048)
			for used := 0; ; {
				n, err := connection.Read(buffer[used:])
				if err != nil {
					return
				}
				used += n
				if !bytes.HasSuffix(buffer[:used], []byte("\r\n\r\n")) {
					continue
				}
				used = 0
				if _, err := connection.Write(hello); err != nil {
					return
				}
			}
		}()
	}
}

func main() {
	port := flag.Int("port", 0, "0: the system chooses")
	raw := flag.Bool("raw", false, "no net/http")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	if *raw {
		serveRaw(listener)
	}
	panic(http.Serve(listener, http.HandlerFunc(answer)))
}
