// Package server puts the features together. It is the only package that
// knows all of them.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync/atomic"
	"time"

	"github.com/guildhall-id/guildhall/internal/account"
	"github.com/guildhall-id/guildhall/internal/api"
	"github.com/guildhall-id/guildhall/internal/breach"
	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/factor"
	"github.com/guildhall-id/guildhall/internal/mailbox"
	"github.com/guildhall-id/guildhall/internal/onetime"
	"github.com/guildhall-id/guildhall/internal/organization"
	"github.com/guildhall-id/guildhall/internal/pages"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/job"
	"github.com/guildhall-id/guildhall/internal/platform/mail"
	"github.com/guildhall-id/guildhall/internal/platform/place"
	"github.com/guildhall-id/guildhall/internal/platform/throttle"
	"github.com/guildhall-id/guildhall/internal/session"
	"github.com/guildhall-id/guildhall/internal/signin"
	"github.com/guildhall-id/guildhall/internal/user"
	"github.com/guildhall-id/guildhall/internal/waitlist"
)

// Options are what a server is made of besides its settings.
type Options struct {
	Config  config.Config // settled
	Logger  *slog.Logger
	Version string
	Now     func() time.Time // nil: the system's clock
}

// Server is a running server. Make one with Start.
type Server struct {
	URL        string // the public origin
	OpsURL     string
	Deployment *deployment.Deployment // as it was at the start
	API        *api.API
	Handler    http.Handler // everything public

	log         *slog.Logger
	db          *database.DB
	deployments *deployment.Service
	jobs        *job.Queue
	breached    *breach.List // nil without one
	public      *http.Server
	ops         *http.Server
	ready       atomic.Bool
	draining    time.Duration
	failed      chan error
}

// Start migrates, starts the background work and serves on both listeners
// until Stop. It returns once the server is ready.
func Start(ctx context.Context, o Options) (_ *Server, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	s := &Server{log: o.Logger, failed: make(chan error, 2)}
	if o.Config.Mode == config.Production {
		s.draining = 5 * time.Second
	}
	public, err := net.Listen("tcp", o.Config.Listen)
	if err != nil {
		return nil, fmt.Errorf("--listen: %w", err)
	}
	ops, err := net.Listen("tcp", o.Config.OpsListen)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("--ops-listen: %w", err), public.Close())
	}
	if s.URL = o.Config.PublicURL; s.URL == "" {
		s.URL = "http://" + public.Addr().String()
	}
	s.OpsURL = "http://" + ops.Addr().String()
	if err := s.build(ctx, o); err != nil {
		return nil, errors.Join(err, public.Close(), ops.Close(), s.close(ctx))
	}
	s.public, s.ops = s.newHTTP(s.Handler), s.newHTTP(s.operations())
	go s.serve(s.public, public)
	go s.serve(s.ops, ops)
	s.ready.Store(true)
	return s, nil
}

// build wires the features.
func (s *Server) build(ctx context.Context, o Options) error {
	key, err := o.Config.Key()
	if err != nil {
		return fmt.Errorf("--secret-key-file: %w", err)
	}
	if err := s.openDatabase(ctx, o); err != nil {
		return err
	}
	limits := limitsOf(o.Config.Limits)
	deployments := deployment.NewService(s.db, deployment.Mode(o.Config.Mode), s.URL, key)
	s.deployments = deployments
	if s.Deployment, err = deployments.Ensure(ctx, "Guildhall"); err != nil {
		return err
	}
	transport, texts, box, err := s.transports(o.Config)
	if err != nil {
		return err
	}
	if texts == nil && s.Deployment.Settings.Auth.PhoneNumber.Verifiable() {
		s.log.Warn("text messages are refused: set --sms-webhook-url, or switch auth_settings.phone_number off")
	}
	passwords, err := s.newPasswords(o.Config)
	if err != nil {
		return err
	}
	s.jobs = job.New(s.db, s.log)
	outbox := mail.NewOutbox(s.db, s.jobs, key, transport, o.Config.MailFrom, limits.mail).CarryTexts(texts)
	sessions := session.NewService(s.db, deployments, key, trustedProxies(o.Config.TrustedProxies))
	sessions.ShareCookies(o.Config.CookieDomain)
	if o.Config.GeoIPFile != "" {
		places, err := place.Open(o.Config.GeoIPFile, o.Now, s.log)
		if err != nil {
			return fmt.Errorf("--geoip-file: %w", err)
		}
		sessions.Locate(places)
	}
	factors := factor.NewService(factor.Needs{
		DB: s.db, Deployments: deployments, Sessions: sessions, Outbox: outbox, Key: key, Limits: limits.factors, Now: o.Now,
	})
	organizations := organization.NewService(s.db, deployments, sessions, outbox, key, limits.invitations)
	signins := signin.NewService(signin.Needs{
		DB: s.db, Deployments: deployments, Sessions: sessions, Organizations: organizations, Factors: factors,
		Passwords: passwords, Outbox: outbox, Key: key, Limits: limits.signIn, Now: o.Now,
		Origins: o.Config.AllowedOrigins,
	})
	accounts := account.NewService(account.Needs{
		DB: s.db, Deployments: deployments, Sessions: sessions, Organizations: organizations,
		Passwords: passwords, Outbox: outbox, Key: key, Limits: limits.account,
	})
	waiting := waitlist.NewService(waitlist.Needs{
		DB: s.db, Deployments: deployments, Organizations: organizations, Outbox: outbox, Jobs: s.jobs, Key: key,
		PerClient: limits.waitlist, Now: o.Now,
	})
	if s.API, err = api.New(api.Options{
		Operations:    Operations(deployments, sessions, signins, accounts, factors, organizations, waiting),
		Authenticator: sessions, Logger: s.log, Version: o.Version,
	}); err != nil {
		return err
	}
	s.jobs.Every("rotate signing keys", 24*time.Hour, deployments.RotateKeys)
	s.sweep(sessions, signins, outbox)
	s.Handler = s.mount(o.Config, deployments, pages.New(sessions, organizations, signins, deployments, s.log), box)
	return s.jobs.Start(context.WithoutCancel(ctx))
}

// openDatabase brings the schema up to date and takes a node number.
func (s *Server) openDatabase(ctx context.Context, o Options) (err error) {
	if err := os.MkdirAll(o.Config.DataDir, 0o700); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	if s.db, err = database.Open(ctx, o.Config.DatabaseURL, database.Options{Now: o.Now}); err != nil {
		return fmt.Errorf("--database-url: %w", err)
	}
	if err := s.db.Migrate(ctx); err != nil {
		return err
	}
	return s.db.Start(ctx)
}

// sweep has what is of no use any more deleted, so that the database does not
// grow with the time it runs.
func (s *Server) sweep(sessions *session.Service, signins *signin.Service, outbox *mail.Outbox) {
	s.jobs.Every("sweep sessions", time.Hour, sessions.Sweep)
	s.jobs.Every("sweep attempts", time.Hour, signins.Sweep)
	s.jobs.Every("sweep mails", time.Hour, outbox.Sweep)
	s.jobs.Every("sweep codes", time.Hour, func(ctx context.Context) error { return onetime.Sweep(ctx, s.db) })
	s.jobs.Every("sweep tries", time.Hour, func(ctx context.Context) error { return throttle.Sweep(ctx, s.db) })
}

// Operations are those of every feature.
func Operations(deployments *deployment.Service, sessions *session.Service, signins *signin.Service, accounts *account.Service, factors *factor.Service, organizations *organization.Service, waiting *waitlist.Service) []api.Operation {
	var all []api.Operation
	for _, feature := range []interface{ Operations() []api.Operation }{deployments, sessions, signins, accounts, factors, organizations, waiting} {
		all = append(all, feature.Operations()...)
	}
	return all
}

// newPasswords knows the breached ones when the operator has a list of them.
func (s *Server) newPasswords(c config.Config) (*user.Passwords, error) {
	passwords, err := user.NewPasswords()
	if err != nil || c.BreachedPasswordsFile == "" {
		return passwords, err
	}
	if s.breached, err = breach.Open(c.BreachedPasswordsFile, s.log); err != nil {
		return nil, fmt.Errorf("--breached-passwords-file: %w", err)
	}
	return passwords.WithBreached(s.breached), nil
}

// transports are where mails and text messages go: to their server and gateway
// or, in staging, to the mailbox, which is nil when neither goes there. In
// production, mail is switched off explicitly, and text messages are refused
// without a gateway.
func (s *Server) transports(c config.Config) (mails, texts mail.Transport, box *mailbox.Mailbox, err error) {
	switch {
	case c.Mail == config.NoMail:
		mails = mail.None
	case c.SMTPURL != "":
		if mails, err = mail.ParseTransport(c.SMTPURL); err != nil {
			return nil, nil, nil, fmt.Errorf("--smtp-url: %w", err)
		}
	}
	if c.SMSWebhookURL != "" {
		if texts, err = mail.ParseGateway(c.SMSWebhookURL, c.SMSWebhookSecret); err != nil {
			return nil, nil, nil, fmt.Errorf("--sms-webhook-url: %w", err)
		}
	}
	if c.Mode == config.Production || mails != nil && texts != nil {
		return mails, texts, nil, nil
	}
	box = mailbox.NewMailbox(s.db)
	if mails == nil {
		mails = box
	}
	if texts == nil {
		texts = box
	}
	return mails, texts, box, nil
}

func trustedProxies(networks []string) (trusted session.TrustedProxies) {
	for _, network := range networks {
		if prefix, err := netip.ParsePrefix(network); err == nil { // checked by config
			trusted = append(trusted, prefix)
		}
	}
	return trusted
}

// newHTTP has the time limits of every listener.
func (s *Server) newHTTP(h http.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, IdleTimeout: 120 * time.Second,
		MaxHeaderBytes: 32 << 10, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

func (s *Server) serve(h *http.Server, l net.Listener) {
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		s.failed <- err
	}
}

// Wait returns when ctx is done or a listener has failed.
func (s *Server) Wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.failed:
		return err
	}
}

// Stop ends gracefully: not ready first, so that a load balancer looks away,
// then no new connections, then the requests and jobs that run.
func (s *Server) Stop(ctx context.Context) error {
	s.ready.Store(false)
	if s.draining > 0 {
		select {
		case <-time.After(s.draining):
		case <-ctx.Done():
		}
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 25*time.Second)
	defer cancel()
	return errors.Join(s.public.Shutdown(ctx), s.ops.Shutdown(ctx), s.close(ctx))
}

func (s *Server) close(ctx context.Context) (err error) {
	if s.jobs != nil {
		err = s.jobs.Stop(ctx)
	}
	if s.db != nil {
		err = errors.Join(err, s.db.Close())
	}
	if s.breached != nil {
		err = errors.Join(err, s.breached.Close())
	}
	return err
}
