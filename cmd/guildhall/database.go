package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
	"github.com/guildhall-id/guildhall/internal/platform/secret"
)

// databaseFlags say where the data of a server is, for commands that work
// beside it. Their names and defaults are those of serve.
type databaseFlags struct {
	DataDir     string `default:"./guildhall-data" help:"Folder for the SQLite database."`
	DatabaseURL string `help:"Database, as sqlite:PATH or postgres://USER@HOST/NAME. Default: SQLite in the data folder."`
}

// open connects to a database that a server has prepared. It does not make a
// new one, and does not migrate.
func (f databaseFlags) open(ctx context.Context) (*database.DB, error) {
	address, err := config.DatabaseAddress(f.DataDir, f.DatabaseURL)
	if err != nil {
		return nil, settingsError{fmt.Errorf("--database-url %w", err)}
	}
	if path, ok := strings.CutPrefix(address, "sqlite:"); ok {
		if _, err := os.Stat(path); err != nil {
			return nil, settingsError{fmt.Errorf("there is no database at %s: name the folder with --data-dir or the database with --database-url, or start guildhall serve once", path)}
		}
	}
	db, err := database.Open(ctx, address, database.Options{})
	if err != nil {
		return nil, fmt.Errorf("--database-url: %w", err)
	}
	return db, nil
}

// deployments opens the database and knows its deployment. Nothing that needs
// the server's key can be done with it.
func (f databaseFlags) deployments(ctx context.Context) (*database.DB, *deployment.Service, *deployment.Deployment, error) {
	db, err := f.open(ctx)
	if err != nil {
		return nil, nil, nil, err
	}
	service := deployment.NewService(db, deployment.Staging, "", secret.Key{})
	current, err := service.Current(ctx)
	if err != nil {
		err = fmt.Errorf("this database has not been prepared by guildhall serve: %w", err)
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	return db, service, current, nil
}
