"""Answers while somebody is away: for VacationResponse (RFC 8621 8), and for whatever else has people answered."""
