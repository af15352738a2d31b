// A web server that gives way to its successor: when a newer artifact is there, it stops listening, answers what it
// has accepted, and exits. The platform handler then starts the newer one.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"sync"
	"syscall"
	"time"
)

const (
	drainLimit = 30 * time.Second
	// So long an idle connection is kept for one more request, whose answer says that it ends.
	keptFor     = 5 * time.Second
	exitDrained = 0
	exitCut     = 7
)

func main() {
	// Before the listener: whoever sees that it listens may ask it to stop.
	asked, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	site := siteFromEnvironment()
	listener, given, err := listen()
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("port %d\n", listener.Addr().(*net.TCPAddr).Port)

	var open connections
	server := &http.Server{
		Handler:   open.toldToClose(provenByAnswering(site, http.HandlerFunc(hello(site)))),
		ConnState: open.follow,
	}
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()

	select {
	case err := <-served:
		log.Fatal(err)
	case newer := <-site.newerRelease():
		log.Printf("%s is to take over", newer)
	case <-asked.Done():
		log.Print("asked to stop")
	}
	stop() // A second signal ends the process at once.
	if given {
		// Nobody else accepts before this process has ended, and what waits in systemd's socket is not lost.
		open.serveUntilOlderAreGone(keptFor)
	}
	os.Exit(drain(server))
}

// listen takes the socket that systemd opened for this process, else it opens one.
func listen() (listener net.Listener, given bool, err error) {
	if os.Getenv("LISTEN_PID") == strconv.Itoa(os.Getpid()) && os.Getenv("LISTEN_FDS") != "" {
		listener, err = net.FileListener(os.NewFile(3, "socket of systemd"))
		return listener, true, err
	}
	// 127.0.0.1 and not localhost: the platform handler looks for the listener there.
	listener, err = net.Listen("tcp4", net.JoinHostPort("127.0.0.1", port()))
	return listener, false, err
}

func hello(site site) http.HandlerFunc {
	return func(response http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/slow" {
			time.Sleep(time.Second)
		}
		fmt.Fprintf(response, "Hello from Go, artifact %s\n", site.artifact)
	}
}

// The first answer proves the artifact good: then it is what the launcher falls back to.
func provenByAnswering(site site, next http.Handler) http.Handler {
	var once sync.Once
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		next.ServeHTTP(response, request)
		once.Do(site.markGood)
	})
}

func drain(server *http.Server) int {
	limit, cancel := context.WithTimeout(context.Background(), drainLimit)
	defer cancel()
	if err := server.Shutdown(limit); errors.Is(err, context.DeadlineExceeded) {
		log.Print("connections had to be cut")
		return exitCut
	}
	return exitDrained
}

func port() string {
	for _, name := range []string{"HTTP_PLATFORM_PORT", "PORT"} {
		if value := os.Getenv(name); value != "" {
			return value
		}
	}
	return "8000"
}
