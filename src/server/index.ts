export { type AccessOptions, isLoopback } from './access.ts';
export { ApiError, type ApiErrorType, type ErrorBody } from './api-error.ts';
export { serverApp, type ServerAppOptions } from './app.ts';
export { serverLimits, type ServerLimits } from './limits.ts';
export { type AddressOptions } from './openai/routes.ts';
export { serverMetrics, type ServerMetrics } from './own/server-metrics.ts';
export { openServing, type Serving, type ServingOptions } from './serving.ts';
export { type ListenOptions, startServer, type StartedServer } from './start-server.ts';

export { modelIndex, type StudioModel, type StudioModelIndex, type StudioPlaces } from './studio/page-routes.ts';
export { studioApp, type StudioAppOptions } from './studio/studio-app.ts';

export { type BatchWatch } from './compute/batch-scheduler.ts';
