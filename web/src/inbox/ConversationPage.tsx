// One conversation: who it is, the timeline, the composer.
import { useQuery } from '@tanstack/react-query'
import { useNavigate, useParams, useSearch } from '@tanstack/react-router'
import { CircleCheck, MessageSquareOff } from 'lucide-react'
import { lazy, Suspense, useEffect, useMemo, useRef, useState } from 'react'
import { useTranslation } from '@/i18n'
import { ApiError } from '@/api/client'
import { conversationQuery } from '@/api/queries'
import { live } from '@/live/live'
import { type Command, useOffer } from '@/shell/commands'
import { cx } from '@/ui/cx'
import { Bone, Empty, Loading, Trouble } from '@/ui/State'
import { assignToMe, held, markSeen, setStatus } from './actions'
import { useLooking } from './attention'
import { Composer, type ComposerHandle } from './Composer'
import { ConversationHeader } from './ConversationHeader'
import { DetailsSkeleton } from './DetailsSkeleton'
import { Timeline, TimelineSkeleton } from './Timeline'

const wide = () => window.matchMedia('(min-width: 1440px)').matches
const panel = () => import('./ContactPanel')
const ContactPanel = lazy(panel)
// Where it is open from the start, it comes with the page.
if (wide()) void panel().catch(() => undefined)

export default function ConversationPage() {
  const { conversationId } = useParams({ from: '/app/inbox/$conversationId' })
  return <Conversation key={conversationId} id={conversationId} />
}

function Conversation({ id }: { id: string }) {
  const { t } = useTranslation()
  const query = useQuery({ ...conversationQuery(id), placeholderData: () => held(id) })
  const conversation = query.data
  const composer = useRef<ComposerHandle>(null)
  const [details, setDetails] = useState(wide)
  const [assigning, setAssigning] = useState(false)
  useViewing(id)
  useSeen(conversation)
  useLooking(conversation)
  useConversationKeys(id, composer, () => setAssigning(true), () => setDetails((now) => !now))

  if (query.error && !conversation) {
    return query.error instanceof ApiError && query.error.status === 404 ? (
      <Empty icon={<MessageSquareOff />} title={t('conversation.gone')}>
        {t('conversation.gone_help')}
      </Empty>
    ) : (
      <Trouble error={query.error} retry={() => void query.refetch()} />
    )
  }
  if (!conversation) return <ConversationSkeleton />
  return (
    <div className={cx('grid h-full min-h-0', details && 'lg:grid-cols-[minmax(0,1fr)_280px]')}>
      <section aria-label={t('conversation.label')} className={cx('flex min-h-0 min-w-0 flex-col', details && 'max-lg:hidden')}>
        <ConversationHeader
          conversation={conversation}
          details={details}
          onDetails={() => setDetails((now) => !now)}
          assigning={assigning}
          setAssigning={setAssigning}
        />
        <Timeline conversation={conversation} />
        {conversation.status === 'closed' && (
          <p className="flex items-center justify-center gap-2 border-t bg-sunken px-4 py-2 text-xs text-ink-2">
            <CircleCheck className="size-4" aria-hidden />
            {t('conversation.closed_help')}
          </p>
        )}
        <Composer ref={composer} conversation={conversation} />
      </section>
      {details && (
        <Suspense fallback={<PanelSkeleton />}>
          <ContactPanel conversation={conversation} onClose={() => setDetails(false)} />
        </Suspense>
      )}
    </div>
  )
}

/** The others see who is looking. */
function useViewing(id: string) {
  useEffect(() => {
    const say = () => live.viewing(document.hidden ? null : id)
    say()
    document.addEventListener('visibilitychange', say)
    return () => {
      document.removeEventListener('visibilitychange', say)
      live.viewing(null)
    }
  }, [id])
}

/** What is on a screen that somebody looks at has been seen. */
function useSeen(conversation: Parameters<typeof markSeen>[0] | undefined) {
  const unread = conversation?.unread ?? 0
  useEffect(() => {
    if (!conversation || unread === 0) return
    const see = () => {
      if (!document.hidden && document.hasFocus()) void markSeen(conversation)
    }
    see()
    document.addEventListener('visibilitychange', see)
    window.addEventListener('focus', see)
    return () => {
      document.removeEventListener('visibilitychange', see)
      window.removeEventListener('focus', see)
    }
  }, [conversation, unread])
}

function useConversationKeys(id: string, composer: React.RefObject<ComposerHandle | null>, assign: () => void, details: () => void) {
  const { t } = useTranslation()
  const navigate = useNavigate()
  const search = useSearch({ from: '/app/inbox' })
  const actions = useRef({ assign, details })
  useEffect(() => {
    actions.current = { assign, details }
  })
  const commands = useMemo<Command[]>(() => {
    const section = t('conversation.label')
    return [
      {
        id: 'close',
        title: t('conversation.close_or_open'),
        section,
        shortcut: 'e',
        run: () => void setStatus(id, held(id)?.status === 'closed' ? 'open' : 'closed'),
      },
      { id: 'assign', title: t('conversation.assign'), section, shortcut: 'a', run: () => actions.current.assign() },
      { id: 'assign-me', title: t('conversation.assign_me'), section, shortcut: 'm', run: () => assignToMe(id) },
      { id: 'reply', title: t('composer.reply'), section, shortcut: 'r', run: () => composer.current?.focus('reply') },
      { id: 'note', title: t('composer.note'), section, shortcut: 'n', run: () => composer.current?.focus('note') },
      { id: 'details', title: t('contact.panel'), section, shortcut: 'i', run: () => actions.current.details() },
      { id: 'leave', title: t('conversation.back'), section, shortcut: 'u', run: () => void navigate({ to: '/inbox', search }) },
    ]
  }, [t, id, composer, navigate, search])
  useOffer(commands)
}

function PanelSkeleton() {
  return (
    <div className="min-h-0 bg-surface lg:border-s">
      <div className="h-13 border-b" />
      <DetailsSkeleton />
    </div>
  )
}

function ConversationSkeleton() {
  return (
    <Loading>
      <div className="flex h-13 items-center gap-3 border-b px-4">
        <Bone className="size-8 rounded-full" />
        <Bone className="h-3 w-40" />
      </div>
      <TimelineSkeleton />
    </Loading>
  )
}
