// Who connects where, for the load generator: lines of "ROOM s|- PATH".

// rooms: [{ members, senders }]; path(room) is where a member of that room connects.
export function planLines(rooms, path) {
  return rooms.flatMap(({ members, senders }, room) =>
    Array.from({ length: members }, (_, i) => `${room} ${i < senders ? 's' : '-'} ${path(room)}`),
  );
}

// The rooms of a scenario: all alike.
export const alike = (count, members, senders) => Array.from({ length: count }, () => ({ members, senders }));
