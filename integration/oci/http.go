package oci

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/stead-project/stead/internal/version"
)

// controlHandler is for the socket that `stead agent ps` asks.
func (a *Agent) controlHandler() http.Handler {
	mux := a.metricsMux()
	mux.HandleFunc("GET /containers", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(a.Containers()) //nolint:errcheck // the client is gone
	})
	mux.HandleFunc("GET /agent", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(Incarnation{a.generation, version.String()}) //nolint:errcheck // the client is gone
	})
	mux.HandleFunc("POST /upgrade", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Upgrade(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusConflict)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	return mux
}

// An Incarnation tells agents apart that run one after another in one process.
type Incarnation struct {
	Generation int    `json:"generation"`
	Version    string `json:"version"`
}

func (a *Agent) metricsHandler() http.Handler { return a.metricsMux() }

func (a *Agent) metricsMux() *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.metrics.registry, promhttp.HandlerOpts{MaxRequestsInFlight: 8}))
	mux.HandleFunc("GET /healthz", a.health)
	return mux
}

// health is 200 as long as containers are taken.
func (a *Agent) health(w http.ResponseWriter, _ *http.Request) {
	if a.stopped.Load() {
		http.Error(w, "stopping", http.StatusServiceUnavailable)
		return
	}
	fmt.Fprintln(w, "ok")
}

// serveHTTP serves until ctx is done.
func serveHTTP(ctx context.Context, l net.Listener, h http.Handler) error {
	if l == nil {
		return nil
	}
	const patience = 10 * time.Second
	s := &http.Server{Handler: h, ReadHeaderTimeout: patience, ReadTimeout: patience, WriteTimeout: patience, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10}
	ended := make(chan struct{})
	defer context.AfterFunc(ctx, func() {
		defer close(ended)
		end(s)
	})()
	if err := s.Serve(limit(l)); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", l.Addr(), err)
	}
	<-ended
	return nil
}

// end lets answers under way be written.
func end(s *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if s.Shutdown(ctx) != nil {
		s.Close() //nolint:errcheck // it ends
	}
}
