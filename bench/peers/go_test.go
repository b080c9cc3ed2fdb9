// bench queue/round_trip, switch/yield and spawn/run_join with Go: go test -bench . -cpu 1
package peers

import (
	"runtime"
	"testing"
)

func BenchmarkQueueRoundTrip(b *testing.B) {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for item := range there {
			back <- item
		}
	}()
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		there <- 1
		<-back
	}
	close(there)
}

// A round is two switches.
func BenchmarkYield(b *testing.B) {
	running := true
	go func() {
		for running {
			runtime.Gosched()
		}
	}()
	for i := 0; i < b.N; i++ {
		runtime.Gosched()
	}
	running = false
	runtime.Gosched()
}

func BenchmarkSpawnJoin(b *testing.B) {
	done := make(chan struct{})
	for i := 0; i < b.N; i++ {
		go func() { done <- struct{}{} }()
		<-done
	}
}
