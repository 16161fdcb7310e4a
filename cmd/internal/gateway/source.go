package gateway

import (
	"sluice/broker"
	"sluice/server"
)

// source says to the server how far the reader is.
type source struct{ *broker.Reader }

// Status implements [server.Source].
func (s source) Status() []server.StreamStatus {
	statuses := s.Reader.Status()
	all := make([]server.StreamStatus, len(statuses))
	for i, st := range statuses {
		all[i] = server.StreamStatus{
			Name: st.Stream, Topic: st.Topic, Fetching: st.Fetching, Warm: st.Warm,
			Behind: st.Behind, StaleSince: st.StaleSince, Waiting: st.Waiting,
		}
		if st.Epoch == "" {
			all[i].Behind = -1 // no one has looked yet
		}
	}
	return all
}
