package gateway

import (
	"fmt"
	"io"
	"os"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"

	"sluice/cmd/internal/config"
)

// NewLog returns the log that c describes: for people on a terminal, JSON lines
// otherwise, unless c says which.
func NewLog(c config.Log, w io.Writer) (zerolog.Logger, error) {
	level, err := zerolog.ParseLevel(c.Level)
	if err != nil {
		return zerolog.Logger{}, fmt.Errorf("log.level: %w", err)
	}
	plain := !terminal(w) || os.Getenv("NO_COLOR") != ""
	console := c.Format == "console" || c.Format == "" && terminal(w)
	w = zerolog.SyncWriter(w) // every room logs from its goroutines
	if console {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: plain}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger(), nil
}

func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}
