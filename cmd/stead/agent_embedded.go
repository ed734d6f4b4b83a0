//go:build embedpolicy

package main

import "github.com/spf13/cobra"

func newAgent(*globals) *cobra.Command {
	return &cobra.Command{
		Use:                "agent",
		Short:              "Supervise the containers that runc, crun, containerd, podman and LXC hand over",
		DisableFlagParsing: true,
		RunE:               func(*cobra.Command, []string) error { return handOver() },
	}
}
