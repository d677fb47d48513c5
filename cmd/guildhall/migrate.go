package main

import (
	"context"
	"fmt"
	"os"

	"github.com/guildhall-id/guildhall/internal/config"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

type migrateCommand struct {
	config.Config `embed:""`
}

// Run migrates under a lock; several nodes may do so at once.
func (c *migrateCommand) Run() error {
	if err := c.Settle(); err != nil {
		return settingsError{err}
	}
	ctx := context.Background()
	if err := os.MkdirAll(c.DataDir, 0o700); err != nil {
		return fmt.Errorf("--data-dir: %w", err)
	}
	db, err := database.Open(ctx, c.DatabaseURL, database.Options{})
	if err != nil {
		return fmt.Errorf("--database-url: %w", err)
	}
	defer db.Close()
	if err := db.Migrate(ctx); err != nil {
		return err
	}
	fmt.Println("The database schema is up to date.")
	return nil
}
