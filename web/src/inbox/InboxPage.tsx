// The inbox: list and conversation, side by side where there is room, one at a time where there is not.
import { Outlet, useMatch, useNavigate, useSearch } from '@tanstack/react-router'
import { MessagesSquare } from 'lucide-react'
import { useMemo } from 'react'
import { useTranslation } from '@/i18n'
import { type Command, useCommands, useOffer } from '@/shell/commands'
import { cx } from '@/ui/cx'
import { Kbd, MOD } from '@/ui/Kbd'
import { Empty } from '@/ui/State'
import { ConversationList } from './ConversationList'
import { VIEWS } from './views'

export default function InboxPage() {
  const search = useSearch({ from: '/app/inbox' })
  const open = useMatch({ from: '/app/inbox/$conversationId', shouldThrow: false })
  const navigate = useNavigate()
  const { t } = useTranslation()
  const commands = useMemo<Command[]>(
    () =>
      VIEWS.map((view) => ({
        id: `view-${view}`,
        title: `${t('nav.inbox')}: ${t(`view.${view}`)}`,
        section: t('nav.inbox'),
        run: () => void navigate({ to: '/inbox', search: (now) => ({ ...now, view: view === 'open' ? undefined : view }) }),
      })),
    [t, navigate],
  )
  useOffer(commands)
  return (
    <div className="grid h-full min-h-0 sm:grid-cols-[minmax(280px,340px)_minmax(0,1fr)]">
      {!open && <h1 className="sr-only">{t('nav.inbox')}</h1>}
      <section aria-label={t('inbox.list')} className={cx('min-h-0 min-w-0 border-e bg-surface', open && 'max-sm:hidden')}>
        <ConversationList search={search} selected={open?.params.conversationId ?? null} />
      </section>
      <div className={cx('min-h-0 min-w-0 bg-surface', !open && 'max-sm:hidden')}>{open ? <Outlet /> : <NothingOpen />}</div>
    </div>
  )
}

export function NothingOpen() {
  const { t } = useTranslation()
  return (
    <Empty icon={<MessagesSquare />} title={t('inbox.nothing_open')}>
      <span className="inline-flex flex-wrap items-center justify-center gap-1.5">
        <Kbd>J</Kbd> <Kbd>K</Kbd> {t('inbox.keys_move')} ·{' '}
        <button type="button" className="inline-flex items-center gap-1.5 rounded" onClick={() => useCommands.setState({ palette: true })}>
          <Kbd>{MOD}</Kbd> <Kbd>K</Kbd> {t('inbox.keys_palette')}
        </button>
      </span>
    </Empty>
  )
}
