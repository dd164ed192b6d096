"""The HTTP API for programs and the editor: parse, ask permissions, call one service, answer."""
