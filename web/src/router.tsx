// The app's addresses. Everything beside the inbox comes when it is first wanted, or hovered.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Outlet, redirect } from '@tanstack/react-router'
import { AppGate } from './shell/AppGate'
import { NotFound, RouteTrouble } from './shell/RouteStates'
import { withTexts } from './i18n'
import { readSearch } from './inbox/views'

const root = createRootRoute({ component: Outlet })

const signIn = createRoute({
  getParentRoute: () => root,
  path: '/sign-in',
  validateSearch: (raw: Record<string, unknown>): { next?: string } => (typeof raw.next === 'string' ? { next: raw.next } : {}),
  component: lazyRouteComponent(() => withTexts(import('./sign-in/SignInPage'))),
})

const app = createRoute({ getParentRoute: () => root, id: 'app', component: AppGate })

const home = createRoute({
  getParentRoute: () => app,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/inbox' })
  },
})

const inbox = createRoute({
  getParentRoute: () => app,
  path: '/inbox',
  validateSearch: readSearch,
  component: lazyRouteComponent(() => import('./inbox/InboxPage')),
})

const conversation = createRoute({
  getParentRoute: () => inbox,
  path: '/$conversationId',
  component: lazyRouteComponent(() => import('./inbox/ConversationPage')),
})

const calls = createRoute({
  getParentRoute: () => app,
  path: '/calls',
  validateSearch: (raw: Record<string, unknown>): { list?: 'ended' | 'not_taken' } => (raw.list === 'not_taken' ? { list: 'not_taken' } : {}),
  component: lazyRouteComponent(() => withTexts(import('./calls/CallsPage'))),
})

const call = createRoute({
  getParentRoute: () => app,
  path: '/calls/$callId',
  component: lazyRouteComponent(() => withTexts(import('./calls/CallPage'))),
})

const phone = createRoute({
  getParentRoute: () => app,
  path: '/phone',
  component: lazyRouteComponent(() => withTexts(import('./phone/PhonePage'))),
})

const settings = createRoute({
  getParentRoute: () => app,
  path: '/settings',
  component: lazyRouteComponent(() => withTexts(import('./settings/SettingsPage'))),
})

const settingsHome = createRoute({
  getParentRoute: () => settings,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/settings/agent' })
  },
})

const agent = createRoute({
  getParentRoute: () => settings,
  path: '/agent',
  component: lazyRouteComponent(() => import('./settings/AgentPage')),
})

const team = createRoute({
  getParentRoute: () => settings,
  path: '/team',
  component: lazyRouteComponent(() => import('./settings/TeamPage')),
})

const inboxes = createRoute({
  getParentRoute: () => settings,
  path: '/inboxes',
  component: lazyRouteComponent(() => import('./settings/InboxesPage')),
})

const whatsapp = createRoute({
  getParentRoute: () => settings,
  path: '/channels/whatsapp',
  component: lazyRouteComponent(() => import('./channels/WhatsappPage')),
})

const apiKeys = createRoute({
  getParentRoute: () => settings,
  path: '/api-keys',
  component: lazyRouteComponent(() => import('./settings/ApiKeysPage')),
})

const jobs = createRoute({
  getParentRoute: () => settings,
  path: '/jobs',
  component: lazyRouteComponent(() => import('./settings/JobsPage')),
})

const audit = createRoute({
  getParentRoute: () => settings,
  path: '/audit',
  component: lazyRouteComponent(() => import('./settings/AuditPage')),
})

const security = createRoute({
  getParentRoute: () => settings,
  path: '/security',
  component: lazyRouteComponent(() => import('./settings/SecurityPage')),
})

export const router = createRouter({
  routeTree: root.addChildren([
    signIn,
    app.addChildren([
      home,
      inbox.addChildren([conversation]),
      calls,
      call,
      phone,
      settings.addChildren([settingsHome, agent, team, inboxes, whatsapp, apiKeys, security, jobs, audit]),
    ]),
  ]),
  defaultPreload: 'intent',
  defaultNotFoundComponent: NotFound,
  defaultErrorComponent: RouteTrouble,
  // A route's code comes in a blink; a flash of "loading" would be slower.
  defaultPendingMs: 400,
  scrollRestoration: false,
})

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
