// go_hello [--port P]: Go's net/http answers "Hello, World!": a peer for bench/compare_hello.
package main

import (
	"flag"
	"fmt"
	"net"
	"net/http"
)

func main() {
	port := flag.Int("port", 8080, "port of 127.0.0.1; 0: any free one")
	flag.Parse()
	listener, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", *port))
	if err != nil {
		panic(err)
	}
	fmt.Printf("listening on %s\n", listener.Addr())
	http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		w.Write([]byte("Hello, World!"))
	}))
}
