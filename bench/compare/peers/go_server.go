// The handler of compare_server on Go's net/http: go_server [-port P]
package main

import (
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

func main() {
	port := flag.Int("port", 0, "0: the system chooses")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	panic(http.Serve(listener, http.HandlerFunc(answer)))
}
