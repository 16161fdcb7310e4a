package stream

import "context"

// memoryOnly is the history of a hub without one: what its logs hold is all there is.
type memoryOnly struct{ hub *Hub }

func (m memoryOnly) Bounds(_ context.Context, stream int) (Bounds, error) {
	mem := m.hub.memory(stream)
	return Bounds{Epoch: mem.epoch, Start: mem.floor, End: mem.head}, nil
}

func (m memoryOnly) OffsetsAt(_ context.Context, stream int, _ int64) ([]int64, error) {
	return m.hub.memory(stream).floor, nil
}

func (m memoryOnly) Read(_ context.Context, stream int, _ string, from, to []int64, emit func(int32, []Event, int64) error) error {
	for p, start := range m.hub.memory(stream).floor {
		if at(from, p) < start {
			return &GoneError{Partition: int32(p), Start: start}
		}
	}
	for p, end := range to {
		if err := emit(int32(p), nil, end); err != nil {
			return err
		}
	}
	return nil
}
