// Operations that the OpenAPI document does not describe yet, in the shape it will give them. To be deleted then.
export interface paths {
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
}
export interface components {
  schemas: {
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
  };
}
