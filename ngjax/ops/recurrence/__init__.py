"""Recurrent layers over time as pure functions, with hand-written gradients (notes 5.1 to 5.5)."""

from ngjax.ops.recurrence.gru import scan_gru as scan_gru
from ngjax.ops.recurrence.gru import scan_gru_reset_after as scan_gru_reset_after
from ngjax.ops.recurrence.gru import scan_simplified_gru as scan_simplified_gru
from ngjax.ops.recurrence.lstm import scan_lstm as scan_lstm
from ngjax.ops.recurrence.memory import gates as gates
from ngjax.ops.recurrence.memory import gradient_by_lag as gradient_by_lag
from ngjax.ops.recurrence.memory import state_gradients as state_gradients
from ngjax.ops.recurrence.rnn import scan_rnn as scan_rnn
