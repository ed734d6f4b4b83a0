//go:build !embedwhole

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/integration/oci"
)

// defaultControl is where the systemd unit's agent has it.
const defaultControl = "/run/stead/control.sock"

func newAgentPS() *cobra.Command {
	control, format := defaultControl, "table"
	cmd := &cobra.Command{
		Use:   "ps",
		Short: "List the containers that the agent supervises",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			write := map[string]func(io.Writer, []oci.Status) error{"table": printTable, "json": printJSON}[format]
			if write == nil {
				return fmt.Errorf("unknown format %q: it is table or json", format)
			}
			list, err := askAgent(cmd.Context(), control)
			if err != nil {
				return err
			}
			return write(cmd.OutOrStdout(), list)
		},
	}
	cmd.Flags().StringVar(&control, "control", control, "the agent's control socket")
	cmd.Flags().StringVar(&format, "format", format, "table or json")
	return cmd
}

// maxAnswer bounds what an agent may say.
const maxAnswer = 64 << 20

func askAgent(ctx context.Context, socket string) (list []oci.Status, err error) {
	if ctx == nil {
		ctx = context.Background()
	}
	client := agentClient(socket)
	defer client.CloseIdleConnections()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/containers", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("ask the agent (is it running, and is --control its socket?): %w", err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&list); err != nil {
		return nil, fmt.Errorf("read the agent's answer (%s): %w", resp.Status, err)
	}
	return list, nil
}

func agentClient(socket string) *http.Client {
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "unix", socket)
		}}}
}

func printJSON(w io.Writer, list []oci.Status) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(list)
}

func printTable(w io.Writer, list []oci.Status) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "CONTAINER\tPID\tPOLICY\tVERSION\tFILTER\tSINCE\tCALLS\tDENIED\tERRORS\tPENDING\tNOTE")
	for _, s := range list {
		fmt.Fprintf(t, "%s\t%d\t%s\t%d\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", short(s.Name), s.PID, dash(s.Policy), s.Version, dash(s.Filter),
			s.Since.UTC().Format(time.RFC3339), s.Calls, s.Denied, s.Errors, s.Pending, short(s.Error))
	}
	return t.Flush()
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return short(s)
}

// short keeps what a container's author wrote on its line.
func short(s string) string {
	const most = 72
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
