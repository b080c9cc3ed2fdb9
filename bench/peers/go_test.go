// bench queue/round_trip, switch/yield, spawn/run_join and parked with Go: go test -bench . -cpu 1
package peers

import (
	"os"
	"regexp"
	"runtime"
	"strconv"
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

func residentKiB() int {
	status, _ := os.ReadFile("/proc/self/status")
	size, _ := strconv.Atoi(string(regexp.MustCompile(`VmRSS:\s+(\d+)`).FindSubmatch(status)[1]))
	return size
}

// A million goroutines that wait. To be run once: -benchtime 1x
func BenchmarkParked(b *testing.B) {
	const count = 1000000
	wake, ended := make(chan struct{}), make(chan struct{})
	before := residentKiB()
	for i := 0; i < count; i++ {
		go func() {
			<-wake
			ended <- struct{}{}
		}()
	}
	runtime.Gosched()
	b.ReportMetric(float64(residentKiB()-before)/count, "KiB/each")
	close(wake)
	for i := 0; i < count; i++ {
		<-ended
	}
}
