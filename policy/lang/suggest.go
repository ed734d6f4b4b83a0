package lang

import "github.com/stead-project/stead/internal/nearest"

func didYouMean(want string, names []string) string { return nearest.DidYouMean(want, names) }
