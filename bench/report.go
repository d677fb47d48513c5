package main

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is what a run found out.
type report struct {
	Machine string  `json:"machine"`
	Seeded  float64 `json:"seeded_seconds"`
	Listed  float64 `json:"list_of_all_mb"`
	Rows    []*row  `json:"rows"`
	Checks  []check `json:"checks"`
}

// row is a load, as medians over the rounds. Times are in milliseconds, but
// for CPU, which is in microseconds for each request.
type row struct {
	What      string  `json:"what"`
	Who       string  `json:"who"`
	Rate      float64 `json:"requests_per_second"`
	P50       float64 `json:"p50_ms"`
	P99       float64 `json:"p99_ms"`
	Second50  float64 `json:"accept_p50_ms,omitempty"`
	Second99  float64 `json:"accept_p99_ms,omitempty"`
	CPU       float64 `json:"cpu_us"`
	Allocs    float64 `json:"allocations"`
	KB        float64 `json:"allocated_kb"`
	Memory    float64 `json:"resident_mb"`
	Generator float64 `json:"generator_cpu_percent"`
	OfBare    float64 `json:"of_bare,omitempty"`
	CPUOfBare float64 `json:"of_bare_by_cpu,omitempty"`
}

// check is a figure and what it should be.
type check struct {
	Name string  `json:"name"`
	Got  float64 `json:"got"`
	Unit string  `json:"unit,omitempty"`
	Want string  `json:"want"` // above, below or none
	Than float64 `json:"than"`
	Good bool    `json:"good"`
}

const (
	above = "above"
	below = "below"
	none  = ""
)

func (r *report) check(name, unit string, got float64, want string, than float64) {
	good := want == none || want == above && got >= than || want == below && got < than
	r.Checks = append(r.Checks, check{name, got, unit, want, than, good})
}

func (r *report) row(what, who string) *row {
	for _, have := range r.Rows {
		if have.What == what && have.Who == who {
			return have
		}
	}
	have := &row{What: what, Who: who}
	r.Rows = append(r.Rows, have)
	return have
}

// target is a process and what to ask it.
type target struct {
	what, who string
	process   *process
	turn      turn
}

// compare loads the targets by turns, in several rounds, and adds a row for
// each. A round before is for warming up.
func (b *bench) compare(clients int, d time.Duration, targets []target) error {
	samples := make([][]sample, len(targets))
	for round := range b.rounds + 1 {
		for i, t := range targets {
			wait := func() error { return nil }
			length := d
			if round == 0 {
				length = d / 4
			} else if round == b.rounds && b.profile != "" {
				wait = t.process.profile(filepath.Join(b.profile, strings.NewReplacer(" ", "-", ",", "").Replace(t.what+"-"+t.who)+".pprof"), d)
			}
			s, err := t.process.load(clients, length, t.turn)
			if err := cmp.Or(err, wait()); err != nil {
				return fmt.Errorf("%s, %s: %w", t.what, t.who, err)
			}
			if round > 0 {
				samples[i] = append(samples[i], s)
			}
		}
	}
	bare := map[string]*row{}
	for i, t := range targets {
		r := b.report.row(t.what, t.who)
		r.fill(samples[i])
		r.Memory = t.process.memory("VmRSS")
		if t.who == "bare" {
			bare[t.what] = r
		}
	}
	for _, t := range targets {
		if limit := bare[t.what]; limit != nil {
			r := b.report.row(t.what, t.who)
			r.OfBare, r.CPUOfBare = r.Rate/limit.Rate, limit.CPU/max(r.CPU, 1e-9)
		}
	}
	return nil
}

// fill sets the medians.
func (r *row) fill(samples []sample) {
	of := func(figure func(s sample) float64) float64 {
		var all []float64
		for _, s := range samples {
			all = append(all, figure(s))
		}
		return median(all)
	}
	quantile := func(kind int, q float64) float64 {
		return of(func(s sample) float64 {
			slices.Sort(s.latencies[kind])
			n := len(s.latencies[kind])
			if n == 0 {
				return 0
			}
			return float64(s.latencies[kind][min(n-1, int(q*float64(n)))].Microseconds()) / 1000
		})
	}
	r.Rate = of(func(s sample) float64 { return float64(s.requests) / s.elapsed.Seconds() })
	r.CPU = of(func(s sample) float64 { return float64(s.cpu.Microseconds()) / float64(s.requests) })
	r.Generator = of(func(s sample) float64 { return 100 * s.generator.Seconds() / s.elapsed.Seconds() })
	r.Allocs = of(func(s sample) float64 { return s.allocs })
	r.KB = of(func(s sample) float64 { return s.kb })
	r.P50, r.P99 = quantile(first, 0.5), quantile(first, 0.99)
	r.Second50, r.Second99 = quantile(second, 0.5), quantile(second, 0.99)
}

func median(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return (list[(len(list)-1)/2] + list[len(list)/2]) / 2
}

// print writes tables for people.
func (r *report) print(to io.Writer) {
	fmt.Fprintf(to, "%s\nseeded in %.1f s; the list of all is %.1f MB\n", r.Machine, r.Seeded, r.Listed)
	fmt.Fprint(to, "CPU, allocations and KB are those of one request; p50 and p99 of writes are those of inviting/accepting.\nThe load generator never sleeps: see socket in load.go.\n\n")
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "\twho\treq/s\tp50 ms\tp99 ms\tCPU µs\tallocs\tKB\tRSS MB\tof bare\tby CPU\tload CPU\t")
	for _, row := range r.Rows {
		p50, p99 := fmt.Sprintf("%.2f", row.P50), fmt.Sprintf("%.2f", row.P99)
		if row.Second50 > 0 {
			p50, p99 = fmt.Sprintf("%s/%.2f", p50, row.Second50), fmt.Sprintf("%s/%.2f", p99, row.Second99)
		}
		ofBare, byCPU := "-", "-"
		if row.OfBare > 0 {
			ofBare, byCPU = figure(row.OfBare), figure(row.CPUOfBare)
		}
		fmt.Fprintf(w, "%s\t%s\t%.0f\t%s\t%s\t%.0f\t%.0f\t%.1f\t%.0f\t%s\t%s\t%.0f%%\t\n",
			row.What, row.Who, row.Rate, p50, p99, row.CPU, row.Allocs, row.KB, row.Memory, ofBare, byCPU, row.Generator)
	}
	w.Flush()
	fmt.Fprintln(to)
	w = tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	for _, c := range r.Checks {
		verdict := ""
		if c.Want != none {
			verdict = fmt.Sprintf("%s %g %s", c.Want, c.Than, c.Unit)
			if !c.Good {
				verdict += "  MISSED"
			}
		}
		fmt.Fprintf(w, "%s\t%s %s\t%s\n", c.Name, figure(c.Got), c.Unit, verdict)
	}
	w.Flush()
}

func figure(f float64) string {
	if f < 10 {
		return fmt.Sprintf("%.2f", f)
	}
	return fmt.Sprintf("%.0f", f)
}
