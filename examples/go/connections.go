package main

import (
	"net"
	"net/http"
	"sync"
	"time"
)

// connections knows what is open. http.Server.Shutdown closes idle connections at once, and a request that is on its
// way on one of them is lost; here each is told first.
type connections struct {
	mutex   sync.Mutex
	open    map[net.Conn]bool
	closing bool
}

func (c *connections) follow(connection net.Conn, state http.ConnState) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	switch state {
	case http.StateNew:
		if c.open == nil {
			c.open = map[net.Conn]bool{}
		}
		c.open[connection] = true
	case http.StateClosed, http.StateHijacked:
		delete(c.open, connection)
	}
}

// toldToClose lets every answer say, once the program is to end, that its connection ends too.
func (c *connections) toldToClose(next http.Handler) http.Handler {
	return http.HandlerFunc(func(response http.ResponseWriter, request *http.Request) {
		c.mutex.Lock()
		if c.closing {
			response.Header().Set("Connection", "close")
		}
		c.mutex.Unlock()
		next.ServeHTTP(response, request)
	})
}

// serveUntilOlderAreGone returns when the connections of this moment are closed, at the latest after the limit.
func (c *connections) serveUntilOlderAreGone(limit time.Duration) {
	c.mutex.Lock()
	c.closing = true
	older := make([]net.Conn, 0, len(c.open))
	for connection := range c.open {
		older = append(older, connection)
	}
	c.mutex.Unlock()
	for end := time.Now().Add(limit); time.Now().Before(end) && c.anyOpen(older); {
		time.Sleep(10 * time.Millisecond)
	}
}

func (c *connections) anyOpen(some []net.Conn) bool {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, connection := range some {
		if c.open[connection] {
			return true
		}
	}
	return false
}
