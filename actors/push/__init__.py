"""What web push keeps besides the subscriptions themselves, which are objects of their account's log."""
