package server

import (
	"github.com/guildhall-id/guildhall/internal/deployment"
	"github.com/guildhall-id/guildhall/internal/platform/database"
)

// Settings is what the running server takes its settings from: changes hold
// from the next request on.
func (s *Server) Settings() *deployment.Service { return s.deployments }

// Database is that of the running server.
func (s *Server) Database() *database.DB { return s.db }
