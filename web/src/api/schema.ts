/** The shape openapi-typescript gives; made by `npm run generate` from openapi.json. */
export interface paths {
  "/api/v1/auth/login": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": components["schemas"]["Login"] } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Session"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/auth/link": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { token: string } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Session"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/auth/refresh": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Session"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/auth/logout": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/me": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Me"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/me/totp": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["TotpSetup"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/me/totp/confirm": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { code: string } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { recovery_codes: string[] } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/me/totp/disable": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { code: string } } };
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/me/password": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { current: string; new: string } } };
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/staff": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { limit?: number; cursor?: string }; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Staff"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { email: string; name: string; role: components["schemas"]["Role"] } } };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { "application/json": { staff: components["schemas"]["Staff"]; sign_in_link: string } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/staff/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    patch: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody: { content: { "application/json": { name?: string; role?: components["schemas"]["Role"]; disabled?: boolean } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Staff"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    trace?: never;
  };
  "/api/v1/api-keys": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { limit?: number; cursor?: string }; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["ApiKey"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { name: string; role: components["schemas"]["Role"] } } };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { "application/json": { api_key: components["schemas"]["ApiKey"]; secret: string } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/api-keys/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    delete: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    post?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/connections": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { limit?: number; cursor?: string }; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Connection"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": components["schemas"]["NewConnection"] } };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Connection"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/inboxes": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { limit?: number; cursor?: string }; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Inbox"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": components["schemas"]["NewInbox"] } };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Inbox"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/inboxes/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    patch: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody: { content: { "application/json": { name?: string; settings?: Record<string, unknown>; disabled?: boolean } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Inbox"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    trace?: never;
  };
  "/api/v1/contacts/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Contact"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    patch: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody: { content: { "application/json": { name?: string | null; about?: string; language?: string | null } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Contact"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    trace?: never;
  };
  "/api/v1/conversations": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { status?: "open" | "closed"; assignee?: string; channel?: string; limit?: number; cursor?: string }; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Conversation"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/conversations/counts": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["ConversationCounts"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/conversations/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Conversation"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    patch: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody: { content: { "application/json": { status?: "open" | "closed"; assignee_id?: string | null } } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Conversation"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    trace?: never;
  };
  "/api/v1/conversations/{id}/seen": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        204: { headers: { [name: string]: unknown }; content?: never };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/conversations/{id}/messages": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { limit?: number; cursor?: string }; header?: never; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Message"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody: { content: { "application/json": components["schemas"]["NewMessage"] } };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Message"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/messages/{id}/retry": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Message"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/calls": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: { state?: "live" | "ended" | "not_taken"; limit?: number; cursor?: string }; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Call"][]; next_cursor: string | null } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/calls/{id}": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["Call"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/calls/{id}/turns": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { items: components["schemas"]["Turn"][] } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/calls/{id}/hang-up": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        202: { headers: { [name: string]: unknown }; content?: never };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/calls/{id}/audio-ticket": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path: { id: string }; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["AudioTicket"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/phone-calls": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": { inbox_id?: string } } };
      responses: {
        201: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["PhoneCall"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/agent-settings": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["AgentSettings"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody: { content: { "application/json": components["schemas"]["AgentSettings"] } };
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["AgentSettings"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/live/ticket": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    post: {
      parameters: { query?: never; header?: { "If-Match"?: string; "Idempotency-Key"?: string; "X-Switchboard"?: string }; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": components["schemas"]["LiveTicket"] } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    get?: never;
    put?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
  "/api/v1/presence": {
    parameters: { query?: never; header?: never; path?: never; cookie?: never };
    get: {
      parameters: { query?: never; header?: never; path?: never; cookie?: never };
      requestBody?: never;
      responses: {
        200: { headers: { [name: string]: unknown }; content: { "application/json": { staff: { id: string; name: string; state: "online" }[] } } };
        default: { headers: { [name: string]: unknown }; content: { "application/problem+json": components["schemas"]["Problem"] } };
      };
    };
    put?: never;
    post?: never;
    delete?: never;
    options?: never;
    head?: never;
    patch?: never;
    trace?: never;
  };
}
export interface components {
  schemas: {
    Role: "system_admin" | "owner" | "admin" | "staff" | "read_only";
    Person: { id: string; name: string };
    Problem: {
      type: string;
      title: string;
      status: number;
      detail?: string;
      code: string;
      request_id?: string;
      errors?: { field: string; message: string }[];
    };
    Me: {
      staff: { id: string; name: string; email: string; role: components["schemas"]["Role"]; totp_enabled: boolean };
      tenant: { id: string; slug: string; name: string; timezone: string; locale: string };
    };
    Session: { access_token: string; expires_in_s: number; staff: components["schemas"]["Me"] };
    Login: { email: string; password: string; tenant?: string; totp?: string };
    Staff: {
      id: string;
      name: string;
      email: string;
      role: components["schemas"]["Role"];
      disabled: boolean;
      created_at: string;
    };
    ApiKey: {
      id: string;
      name: string;
      role: components["schemas"]["Role"];
      last_four: string;
      created_at: string;
      last_used_at: string | null;
    };
    Connection: { id: string; provider: "twilio"; account: string; created_at: string };
    NewConnection: {
      provider: "twilio";
      account: string;
      auth_token: string;
      secondary_auth_token?: string;
      api_key_sid?: string;
      api_key_secret?: string;
    };
    Channel: "voice" | "sms" | "form";
    Inbox: {
      id: string;
      channel: components["schemas"]["Channel"];
      address: string;
      name: string;
      connection_id: string | null;
      settings: Record<string, unknown>;
      disabled: boolean;
      created_at: string;
    };
    NewInbox: {
      channel: components["schemas"]["Channel"];
      address?: string;
      name: string;
      connection_id?: string;
      settings?: Record<string, unknown>;
    };
    Identity: { id: string; kind: string; address: string; sms_opted_out: boolean };
    Contact: {
      id: string;
      name: string | null;
      language: string | null;
      about: string;
      identities: components["schemas"]["Identity"][];
      created_at: string;
    };
    Conversation: {
      id: string;
      contact: { id: string; name: string | null; address: string };
      inbox: { id: string; name: string; channel: components["schemas"]["Channel"]; address: string };
      channel: components["schemas"]["Channel"];
      status: "open" | "closed";
      assignee: components["schemas"]["Person"] | null;
      subject: string | null;
      last_message_at: string;
      last_message_preview: string;
      last_message_direction: "in" | "out" | "note";
      waiting_since: string | null;
      unread?: number;
      inbound_count: number;
      message_count: number;
      version: number;
      created_at: string;
    };
    ConversationCounts: { open: number; mine: number; unassigned: number; closed: number };
    Attachment: {
      id: string;
      kind: string;
      media_type: string;
      size_bytes: number;
      duration_ms: number | null;
      url: string;
    };
    MessageState: "received" | "queued" | "sending" | "sent" | "delivered" | "read" | "failed" | "unknown";
    Message: {
      id: string;
      conversation_id: string;
      direction: "in" | "out" | "note";
      author: "contact" | "staff" | "agent" | "system";
      staff: components["schemas"]["Person"] | null;
      body: string;
      state: components["schemas"]["MessageState"];
      failure: { code: string; help: string } | null;
      call_id: string | null;
      segments: number | null;
      attachments: components["schemas"]["Attachment"][];
      draft_key: string | null;
      created_at: string;
      sent_at: string | null;
    };
    NewMessage: { body: string; draft_key: string; kind: "reply" | "note" };
    Call: {
      id: string;
      source: "twilio" | "phone";
      direction: "in" | "out";
      from_address: string;
      to_address: string;
      contact: { id: string; name: string | null } | null;
      conversation_id: string | null;
      inbox: components["schemas"]["Person"] | null;
      state: "ringing" | "live" | "ended" | "not_taken";
      agent: "realtime" | "receptionist" | null;
      outcome: string | null;
      fallback: string | null;
      summary: string | null;
      started_at: string;
      answered_at: string | null;
      ended_at: string | null;
      duration_ms: number | null;
      version: number;
    };
    Turn: {
      id: string;
      ordinal: number;
      speaker: "caller" | "agent" | "staff" | "tool";
      text: string;
      unheard: string;
      interrupted: boolean;
      started_ms: number;
      ended_ms: number;
      latency_ms: number | null;
    };
    PhoneCall: { call_id: string; token: string; url: string };
    AudioTicket: { ticket: string; url: string };
    LiveTicket: { ticket: string; expires_in_s: number };
    AgentSettings: {
      name: string;
      agent: "realtime" | "receptionist";
      voice: string;
      greeting: string;
      instructions: string;
      language: string;
      max_duration_s: number;
      silence_s: number;
      over_capacity: "voicemail" | "forward";
      outside_hours: "answer" | "voicemail" | "forward";
      forward_to: string | null;
      hours: { timezone: string; days: { day: string; from: string; to: string }[] } | null;
      menu: { digit: string; label: string; action: "message" | "transfer" | "hang_up"; transfer_to?: string | null }[];
      transfer_targets: { name: string; number: string }[];
      tools: { take_message: boolean; transfer: boolean; send_sms: boolean; hang_up: boolean };
    };
    TotpSetup: { secret: string; otpauth_url: string; qr_svg?: string };
  };
}
