package delivering

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"sluice/cmd/internal/build"
	"sluice/cmd/internal/config"
	"sluice/cmd/internal/kafkametrics"
	"sluice/server"
	"sluice/server/listen"
	"sluice/server/metrics"
	"sluice/server/operators"
)

// runAlone delivers until stop is done, and answers on the admin address. Once kill is
// done it waits for no attempt.
func runAlone(stop, kill context.Context, c *config.Config, log zerolog.Logger) error {
	logger := slog.New(zerolog.NewSlogHandler(log))
	registry, err := c.Registry(logger)
	if err != nil {
		return err
	}
	defer registry.Close()
	counted := metrics.New()
	counted.Registerer().MustRegister(build.Metric())
	set, err := New(c, kafkametrics.Count(c.Broker(), counted.Registerer()), registry, logger)
	if err != nil {
		return err
	}
	defer set.Close()
	context.AfterFunc(kill, set.CutOff)

	listener, err := listen.WithMode(stop, c.Admin, c.SocketMode)
	if err != nil {
		return fmt.Errorf("admin: %w", err)
	}
	admin := listen.NewHTTP(server.NewDeliverAdmin(server.DeliverAdmin{
		Deliveries: set, Metrics: counted, Auth: operators.Auth{Token: c.AdminAuth.Token.Reveal()}, Logger: logger,
	}), logger)
	ctx, cancel := context.WithCancelCause(stop)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := admin.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			cancel(fmt.Errorf("admin: %w", err))
		}
	})
	log.Info().Stringer("admin", listener.Addr()).Int("deliveries", len(set.all)).Strs("brokers", c.Kafka.Brokers).Msg("delivering")
	set.Run(ctx)
	failed := context.Cause(ctx)
	closing, done := context.WithTimeout(context.WithoutCancel(stop), time.Second)
	defer done()
	if admin.Shutdown(closing) != nil {
		_ = admin.Close() // clients that are still there had their time
	}
	serving.Wait()
	if stop.Err() != nil {
		log.Info().Msg("stopped")
		return nil
	}
	return failed
}
