// What the screens read. Nothing here polls: events keep every answer fresh for as long as it is held.
import { infiniteQueryOptions, QueryClient, queryOptions } from '@tanstack/react-query'
import { type ConversationFilter, keys } from '@/live/patch'
import { api, ApiError, body } from './client'
import type { AgentSettings, AuditEntry, Conversation, DeadJob, Page, WhatsappSession } from './model'

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      // The feed says when something changed; a reload marks everything as old.
      staleTime: Infinity,
      gcTime: 10 * 60_000,
      refetchOnWindowFocus: false,
      refetchOnReconnect: false,
      retry: (failures, error) => error instanceof ApiError && error.passing && failures < 4,
      retryDelay: (failures, error) =>
        error instanceof ApiError && error.retryAfterS ? error.retryAfterS * 1000 : Math.min(10_000, 400 * 2 ** failures) * (0.75 + Math.random() / 2),
      // "No network" is the browser's guess; the request itself knows better.
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})

const PAGE = 50

export const conversationsQuery = (filter: ConversationFilter) =>
  infiniteQueryOptions({
    queryKey: keys.conversations(filter),
    queryFn: ({ pageParam, signal }): Promise<Page<Conversation>> =>
      body(api.GET('/api/v1/conversations', { params: { query: { ...filter, limit: 100, cursor: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  })

export const countsQuery = queryOptions({
  queryKey: keys.counts,
  queryFn: ({ signal }) => body(api.GET('/api/v1/conversations/counts', { signal })),
})

export const conversationQuery = (id: string) =>
  queryOptions({
    queryKey: keys.conversation(id),
    queryFn: ({ signal }): Promise<Conversation> => body(api.GET('/api/v1/conversations/{id}', { params: { path: { id } }, signal })),
  })

export const messagesQuery = (conversationId: string) =>
  infiniteQueryOptions({
    queryKey: keys.messages(conversationId),
    queryFn: ({ pageParam, signal }) =>
      body(
        api.GET('/api/v1/conversations/{id}/messages', {
          params: { path: { id: conversationId }, query: { limit: PAGE, cursor: pageParam ?? undefined } },
          signal,
        }),
      ),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  })

export const callsQuery = (state: 'live' | 'ended' | 'not_taken') =>
  infiniteQueryOptions({
    queryKey: keys.calls(state),
    queryFn: ({ pageParam, signal }) =>
      body(api.GET('/api/v1/calls', { params: { query: { state, limit: PAGE, cursor: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
  })

export const callQuery = (id: string) =>
  queryOptions({
    queryKey: keys.call(id),
    queryFn: ({ signal }) => body(api.GET('/api/v1/calls/{id}', { params: { path: { id } }, signal })),
  })

export const turnsQuery = (callId: string) =>
  queryOptions({
    queryKey: keys.turns(callId),
    queryFn: ({ signal }) => body(api.GET('/api/v1/calls/{id}/turns', { params: { path: { id: callId } }, signal })),
  })

export const contactQuery = (id: string) =>
  queryOptions({
    queryKey: keys.contact(id),
    queryFn: ({ signal }) => body(api.GET('/api/v1/contacts/{id}', { params: { path: { id } }, signal })),
  })

export const staffQuery = queryOptions({
  queryKey: keys.staff,
  queryFn: ({ signal }) => body(api.GET('/api/v1/staff', { signal })),
})

export const inboxesQuery = queryOptions({
  queryKey: keys.inboxes,
  queryFn: ({ signal }) => body(api.GET('/api/v1/inboxes', { signal })),
})

/** Of being heard from there is no event: while somebody looks at numbers that should be connected, it is asked for. */
const HEARD_MS = 30_000

export const sessionsQuery = queryOptions({
  queryKey: keys.sessions,
  queryFn: ({ signal }): Promise<Page<WhatsappSession>> => body(api.GET('/api/v1/whatsapp-sessions', { signal })),
})

export const watchedSessionsQuery = queryOptions({
  ...sessionsQuery,
  refetchInterval: ({ state }) => (state.data?.items.some((session) => session.desired === 'running' && session.phone) ? HEARD_MS : false),
})

export const connectionsQuery = queryOptions({
  queryKey: keys.connections,
  queryFn: ({ signal }) => body(api.GET('/api/v1/connections', { signal })),
})

export const apiKeysQuery = queryOptions({
  queryKey: keys.apiKeys,
  queryFn: ({ signal }) => body(api.GET('/api/v1/api-keys', { signal })),
})

export const demoPageQuery = (inboxId: string) =>
  queryOptions({
    queryKey: keys.demoPage(inboxId),
    queryFn: ({ signal }) => body(api.GET('/api/v1/inboxes/{id}/demo-page', { params: { path: { id: inboxId } }, signal })),
  })

/** No event tells of these: they are read anew each time the page is opened. */
export const deadJobsQuery = infiniteQueryOptions({
  queryKey: keys.deadJobs,
  queryFn: ({ pageParam, signal }): Promise<Page<DeadJob>> =>
    body(api.GET('/api/v1/jobs/dead', { params: { query: { limit: PAGE, cursor: pageParam ?? undefined } }, signal })),
  initialPageParam: null as string | null,
  getNextPageParam: (page) => page.next_cursor,
  staleTime: 0,
})

export const auditQuery = (wanted: { actor?: string; action?: string }) =>
  infiniteQueryOptions({
    queryKey: keys.audit(wanted),
    queryFn: ({ pageParam, signal }): Promise<Page<AuditEntry>> =>
      body(api.GET('/api/v1/audit', { params: { query: { ...wanted, limit: PAGE, cursor: pageParam ?? undefined } }, signal })),
    initialPageParam: null as string | null,
    getNextPageParam: (page) => page.next_cursor,
    staleTime: 0,
  })

export interface VersionedSettings {
  settings: AgentSettings
  etag: string | null
}

export const agentSettingsQuery = queryOptions({
  queryKey: keys.agentSettings,
  queryFn: async ({ signal }): Promise<VersionedSettings> => {
    const { data, response } = await api.GET('/api/v1/agent-settings', { signal })
    return { settings: data as AgentSettings, etag: response.headers.get('ETag') }
  },
})
