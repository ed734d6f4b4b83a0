package oci

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/stead-project/stead/arch"
	"github.com/stead-project/stead/audit"
	"github.com/stead-project/stead/emulate"
	"github.com/stead-project/stead/internal/version"
	"github.com/stead-project/stead/policy"
)

// verdicts is how many there are.
const verdicts = int(policy.Ask) + 1

// metrics are the agent's. Their labels are names of calls, verdicts and policies: none is a container's or its author's to choose.
type metrics struct {
	registry *prometheus.Registry
	duration *prometheus.HistogramVec
	known    [arch.NumIDs][verdicts]atomic.Pointer[prometheus.Observer] // so that a call costs no look-up by name
	refused  prometheus.Counter
	lost     prometheus.Counter
	reloads  *prometheus.CounterVec
}

func newMetrics(a *Agent) *metrics {
	m := &metrics{registry: prometheus.NewRegistry(),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "stead_call_duration_seconds",
			Help: "From receiving a notification to its end.", Buckets: prometheus.ExponentialBuckets(2e-6, 4, 12)}, []string{"call", "verdict"}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{Name: "stead_states_refused_total", Help: "Connections of runtimes that were not taken."}),
		lost:    prometheus.NewCounter(prometheus.CounterOpts{Name: "stead_records_lost_total", Help: "Records of ended containers that could not be written."}),
		reloads: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "stead_policy_reloads_total", Help: "Versions of policies that were read again."}, []string{"result"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{Name: "stead_build_info", Help: "Always 1.",
		ConstLabels: prometheus.Labels{"version": version.String()}})
	build.Set(1)
	m.registry.MustRegister(m.duration, m.refused, m.lost, m.reloads, build, newCollector(a))
	return m
}

func (m *metrics) refuse()          { m.refused.Inc() }
func (m *metrics) dropped(n uint64) { m.lost.Add(float64(n)) }

func (m *metrics) reloaded(ok, failed int) {
	m.reloads.WithLabelValues("ok").Add(float64(ok))
	m.reloads.WithLabelValues("failed").Add(float64(failed))
}

// observer is a call's histogram.
func (m *metrics) observer(id arch.ID, v policy.Verdict) prometheus.Observer {
	if id >= arch.NumIDs || int(v) >= verdicts {
		id, v = 0, policy.Deny
	}
	at := &m.known[id][v]
	if o := at.Load(); o != nil {
		return *o
	}
	name := id.Name()
	if name == "" {
		name = "unknown"
	}
	o := m.duration.WithLabelValues(name, v.String())
	at.Store(&o)
	return o
}

// sink measures every call beside what next records.
func (m *metrics) sink(next audit.Sink) audit.Sink { return &measuringSink{next, m} }

type measuringSink struct {
	audit.Sink
	m *metrics
}

// Needs implements audit.Sink.
func (s *measuringSink) Needs() audit.Needs {
	n := s.Sink.Needs()
	n.Duration = true
	return n
}

// Record implements audit.Sink.
func (s *measuringSink) Record(e *audit.Event) {
	if e.Outcome != audit.Gone {
		s.m.observer(e.Call.ID, e.Decision.Verdict).Observe(e.Duration.Seconds())
	}
	s.Sink.Record(e)
}

// A collector reads the agent's state when it is asked. It implements prometheus.Collector.
type collector struct {
	a    *Agent
	rows []collectorRow
}

type collectorRow struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	of   func(*tally) float64
}

// A tally is what the containers of one policy sum up to.
type tally struct {
	emulate.Statistics
	containers, listeners, pending int
}

func newCollector(a *Agent) *collector {
	row := func(name, help string, kind prometheus.ValueType, of func(*tally) float64) collectorRow {
		return collectorRow{prometheus.NewDesc("stead_"+name, help, []string{"policy"}, nil), kind, of}
	}
	return &collector{a: a, rows: []collectorRow{
		row("containers", "Containers that are supervised.", prometheus.GaugeValue, func(t *tally) float64 { return float64(t.containers) }),
		row("listeners", "Listeners that are served.", prometheus.GaugeValue, func(t *tally) float64 { return float64(t.listeners) }),
		row("calls_pending", "Calls received and not answered.", prometheus.GaugeValue, func(t *tally) float64 { return float64(t.pending) }),
		row("calls_total", "Calls received.", prometheus.CounterValue, func(t *tally) float64 { return float64(t.Received) }),
		row("calls_denied_total", "Calls denied, by the policy or because of an error.", prometheus.CounterValue, func(t *tally) float64 { return float64(t.Denied) }),
		row("calls_gone_total", "Calls over before they were answered.", prometheus.CounterValue, func(t *tally) float64 { return float64(t.Gone) }),
		row("call_errors_total", "Calls that could not be answered, or whose handling panicked.", prometheus.CounterValue,
			func(t *tally) float64 { return float64(t.Failed + t.Panics) }),
		row("call_timeouts_total", "Calls denied at their deadline.", prometheus.CounterValue, func(t *tally) float64 { return float64(t.Timeouts) }),
	}}
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(ch chan<- *prometheus.Desc) {
	for _, r := range c.rows {
		ch <- r.desc
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(ch chan<- prometheus.Metric) {
	for name, t := range c.a.tallies() {
		for _, r := range c.rows {
			ch <- prometheus.MustNewConstMetric(r.desc, r.kind, r.of(t), name)
		}
	}
}

// tallies are by policy; those whose policy cannot be loaded count under "".
func (a *Agent) tallies() map[string]*tally {
	list := map[string]*tally{"": {}}
	of := func(name string) *tally {
		if list[name] == nil {
			list[name] = &tally{}
		}
		return list[name]
	}
	a.mu.Lock()
	for name, st := range a.ended {
		of(name).Statistics = st
	}
	containers := slices.Clone(a.containers)
	a.mu.Unlock()
	for _, c := range containers {
		st, listeners, pending := c.statistics()
		t := of(c.label())
		t.Statistics = sum(t.Statistics, st)
		t.containers++
		t.listeners += listeners
		t.pending += pending
	}
	return list
}
