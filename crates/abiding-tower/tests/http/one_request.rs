//! Several tasks of one request, and a session that is used after the answer has left.
