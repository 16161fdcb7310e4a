package describe

import "sluice/server/openapi"

// Asker is who a route is for, which is what it asks for.
type Asker uint8

// Callers that routes are for.
const (
	Anybody   Asker = iota // asks for nothing
	Caller                 // a user, or who holds a ticket
	AnyCaller              // the same, but it answers others, too
	BackEnd                // an API key
	Publisher              // an API key, or a user with a role
	Operator               // what admin_auth has
)

// Route is a route as /openapi.json has it.
type Route struct {
	openapi.Operation
	Asks Asker
}

// The tags that operations are shown under.
const (
	TagEvents    = "Events"
	TagBackEnds  = "Back ends"
	TagPortal    = "Portal"
	TagDiscovery = "Discovery"
	TagHealth    = "Health"
	TagOperation = "Operation"
	TagPages     = "Pages"
	TagProfiles  = "Profiles"
	TagHead      = "HEAD"
)

var tags = []openapi.Tag{
	{Name: TagEvents, Description: "Routes for pages."},
	{Name: TagBackEnds, Description: "Routes for back ends, which show an API key. A page never has one."},
	{Name: TagPortal, Description: "Routes for developers, who make own keys and tickets. A login with the portal's role is needed."},
	{Name: TagHealth, Description: "Routes for probes and load balancers."},
	{Name: TagOperation, Description: "Routes for operators: what the gateway does."},
	{Name: TagPages, Description: "Pages for people. They are static files of the binary. A page asks the gateway for what it shows."},
	{Name: TagProfiles, Description: "Go's profiles, as `go tool pprof` reads them."},
	{Name: TagDiscovery, Description: "What the gateway says about itself."},
	{Name: TagHead, Description: "The GET routes without a body."},
}
