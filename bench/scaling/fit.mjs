// Straight lines through measured points, and what follows from them. Pure.

// The line of least squares through [[x, y]…]: what one more x costs, and what there is without any.
export function fit(points) {
  const count = points.length;
  if (count < 2) return { slope: NaN, base: NaN };
  const mean = (at) => points.reduce((sum, point) => sum + point[at], 0) / count;
  const [x, y] = [mean(0), mean(1)];
  const above = points.reduce((sum, [px, py]) => sum + (px - x) * (py - y), 0);
  const below = points.reduce((sum, [px]) => sum + (px - x) ** 2, 0);
  const slope = below === 0 ? NaN : above / below;
  return { slope, base: y - slope * x };
}

// What so many connections need, from what one of each thing costs.
//   load:  {connections, members (of a room), messagesPerMinute (of a connection)}
//   costs: {workerBytes, kernelBytes, brokerBytes (of a connection), roomWorkerBytes, roomBrokerBytes,
//           deliveryUs, messageUs (of the worker), brokerUs, databaseUs (of a message), the two busy
//           ones (of a message among very many), diskBytes (of a message)}
export function needs(load, costs) {
  const rooms = load.connections / load.members;
  const messages = (load.connections * load.messagesPerMinute) / 60;
  const deliveries = messages * load.members;
  return {
    rooms,
    messages,
    deliveries,
    workerBytes: load.connections * (costs.workerBytes + costs.kernelBytes) + rooms * costs.roomWorkerBytes,
    brokerBytes: load.connections * costs.brokerBytes + rooms * costs.roomBrokerBytes,
    workerCores: (deliveries * costs.deliveryUs + messages * costs.messageUs) / 1e6,
    brokerCores: (messages * costs.brokerUs) / 1e6,
    brokerCoresBusy: (messages * costs.brokerBusyUs) / 1e6,
    databaseCores: (messages * costs.databaseUs) / 1e6,
    databaseCoresBusy: (messages * costs.databaseBusyUs) / 1e6,
    diskBytesPerDay: messages * 86_400 * costs.diskBytes,
  };
}
