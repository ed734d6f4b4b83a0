//go:build !embedwhole

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/stead-project/stead/integration/oci"
)

func newAgentUpgrade() *cobra.Command {
	control, wait := defaultControl, time.Minute
	cmd := &cobra.Command{
		Use:   "upgrade",
		Short: "Have the agent execute the program on disk in its place, with all containers",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithTimeout(context.Background(), wait)
			defer cancel()
			now, err := upgradeAgent(ctx, control)
			if err != nil {
				return err
			}
			list, err := askAgent(ctx, control)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "version %s supervises, with %d containers\n", now.Version, len(list))
			return err
		},
	}
	cmd.Flags().StringVar(&control, "control", control, "the agent's control socket")
	cmd.Flags().DurationVar(&wait, "wait", wait, "for the new program; calls under way have the agent's --grace")
	return cmd
}

// upgradeAgent gives what goes on.
func upgradeAgent(ctx context.Context, control string) (now oci.Incarnation, err error) {
	client := agentClient(control)
	defer client.CloseIdleConnections()
	before, err := incarnation(ctx, client)
	if err != nil {
		return now, err
	}
	if err := requestUpgrade(ctx, client); err != nil {
		return now, err
	}
	const pause = 20 * time.Millisecond
	for ctx.Err() == nil {
		if now, err = incarnation(ctx, client); err == nil && now.Generation > before.Generation {
			return now, nil
		}
		time.Sleep(pause)
	}
	return now, errors.New("the agent is still the one it was (calls under way are waited for; see its log)")
}

func incarnation(ctx context.Context, client *http.Client) (i oci.Incarnation, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://agent/agent", nil)
	if err != nil {
		return i, err
	}
	resp, err := client.Do(req)
	if err != nil {
		return i, fmt.Errorf("ask the agent (is it running, and is --control its socket?): %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return i, fmt.Errorf("the agent says %s: it is of a version that cannot be upgraded so", resp.Status)
	}
	return i, json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&i)
}

func requestUpgrade(ctx context.Context, client *http.Client) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://agent/upgrade", nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the agent for an upgrade: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusAccepted {
		return nil
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	return errors.Join(fmt.Errorf("the agent goes on as it is: %s", strings.TrimSpace(string(text))), err)
}
